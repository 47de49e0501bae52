"""Routing as a site writes it: merged field by field, checked, and the same for the operator."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml

from jackpot_exporter.bundle import PackSet, load_packs
from jackpot_exporter.bundle.compilers.alertmanager import compile_alertmanager
from jackpot_exporter.bundle.compilers.alertmanager_operator import compile_alertmanager_operator
from jackpot_exporter.errors import InvalidInputError


def with_values(folder: Path, routing: dict[str, Any]) -> PackSet:
    file = folder / "values.yaml"
    file.write_text(yaml.safe_dump({"routing": routing}))
    return load_packs(values=file)


def plain(packs: PackSet) -> dict[str, Any]:
    found: dict[str, Any] = yaml.safe_load(next(iter(compile_alertmanager(packs))).content)
    return found


def operator(packs: PackSet) -> dict[str, Any]:
    found: dict[str, Any] = yaml.safe_load(next(iter(compile_alertmanager_operator(packs))).content)
    return found


def receivers(config: dict[str, Any]) -> dict[str, dict[str, Any]]:
    return {receiver["name"]: receiver for receiver in config["receivers"]}


def test_a_site_changes_one_address_and_keeps_the_rest(tmp_path: Path) -> None:
    shipped = plain(load_packs())

    changed = plain(with_values(tmp_path, {"channels": {"dba": {"email": {"to": "postgres@site.example"}}}}))

    own = receivers(changed)["dba"]["email_configs"][0]
    assert own["to"] == "postgres@site.example"
    own["to"] = "dba@example.com"
    assert changed == shipped


def test_a_site_adds_a_channel_of_its_own(tmp_path: Path) -> None:
    chat = {"who": "the night watch", "slack": {"channel": "#night", "url": "night-url"}}

    config = plain(with_values(tmp_path, {"channels": {"night": chat}}))

    sent = receivers(config)["night"]["slack_configs"][0]
    assert sent["api_url_file"] == "/etc/alertmanager/secrets/night-url"
    assert ['channels=~".*/night/.*"'] in [route.get("matchers") for route in config["route"]["routes"]]


@pytest.mark.parametrize(
    ("routing", "said"),
    [
        ({"channels": {"night": {"who": "nobody"}}}, "routing: nobody is told by the channel night"),
        ({"unrouted": "pigeon"}, 'routing.unrouted: there is no channel "pigeon"'),
        ({"alertmanager_version": "0.21"}, '"0.21" is too old'),
        ({"timing": {"group_wait": "soon"}}, '"soon" is not a duration'),
        ({"channels": {"slack": {"pigeon": {}}}}, "pigeon"),
        ({"digests": {"daily": {"times": ["9 o'clock"], "repeat": "23h"}}}, "values.yaml:"),
    ],
    ids=["nobody", "unrouted", "version", "duration", "unknown", "times"],
)
def test_what_would_lose_a_page_is_refused(tmp_path: Path, routing: dict[str, Any], said: str) -> None:
    with pytest.raises(InvalidInputError) as refused:
        with_values(tmp_path, routing)

    assert said in str(refused.value)


def test_a_reminder_is_never_later_than_promised(tmp_path: Path) -> None:
    """Group intervals are cut to half a reminder, and the reminder is due a little before its time."""
    config = plain(with_values(tmp_path, {"timing": {"reminders": {"P1": "10m"}}}))

    routes = [route for route in walk(config["route"]) if route.get("matchers") == ['priority="P1"']]
    children = [child for route in routes for child in route.get("routes", ())]

    assert {route["repeat_interval"] for route in routes} == {"9m20s"}
    assert children
    assert all(minutes(route["group_interval"]) <= 5 for route in (*routes, *children))


def walk(route: dict[str, Any]) -> list[dict[str, Any]]:
    return [route, *(found for child in route.get("routes", []) for found in walk(child))]


def minutes(span: str) -> float:
    return {"1m": 1, "2m": 2, "3m": 3, "5m": 5}[span]


def test_the_operator_gets_the_same_routes_and_receivers() -> None:
    packs = load_packs()
    mine, theirs = plain(packs), operator(packs)["spec"]

    def shape(route: dict[str, Any]) -> list[Any]:
        matchers = [
            one if isinstance(one, str) else f'{one["name"]}{one["matchType"]}"{one["value"]}"'
            for one in route.get("matchers", [])
        ]
        return [route.get("receiver"), matchers, route.get("continue"), [shape(one) for one in route.get("routes", [])]]

    assert shape(theirs["route"]) == shape(mine["route"])
    assert [one["name"] for one in theirs["receivers"]] == [one["name"] for one in mine["receivers"]]
    assert len(theirs["inhibitRules"]) == len(mine["inhibit_rules"])
    assert [one["name"] for one in theirs["muteTimeIntervals"]] == [one["name"] for one in mine["time_intervals"]]


def test_the_operator_reads_every_secret_from_one_object() -> None:
    found = receivers(operator(load_packs())["spec"])

    assert found["slack"]["slackConfigs"][0]["apiURL"] == {"name": "jackpot-alertmanager", "key": "slack-url"}
    assert found["pagerduty"]["pagerdutyConfigs"][0]["routingKey"]["key"] == "pagerduty-key"
    assert found["telegram"]["telegramConfigs"][0]["botToken"]["key"] == "telegram-token"
    mail = found["email"]["emailConfigs"][0]
    assert (mail["authPassword"]["key"], mail["smarthost"]) == ("smtp-password", "smtp.example.com:587")
    assert mail["headers"] == [{"key": "Subject", "value": '{{ template "jackpot.email.subject" . }}'}]
