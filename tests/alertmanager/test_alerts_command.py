"""`jackpot-exporter alerts` against a real Alertmanager and a real Prometheus, as it is typed."""

from __future__ import annotations

import asyncio
import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from harness.alerting import Chain, run_alerts, running_chain
from harness.waiting import eventually
from jackpot_exporter.alerts.incidents import Incident, group
from jackpot_exporter.alerts.servers import Alertmanager
from jackpot_exporter.clients.http import HttpClient
from jackpot_exporter.clients.http_options import HttpOptions

DOWN = "listed", "held", "other"


@pytest.fixture(scope="module")
def chain(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Chain]:
    # No escalation: what is listed does not change while a test looks.
    names = ("EscalationUnacked", "EscalationLevel2", "EscalationLevel3", "EscalationLevel4")
    calm = {"alerts": {name: {"disabled": True} for name in names}}
    with running_chain(tmp_path_factory.mktemp("command"), calm) as chain:
        for service in DOWN:
            chain.signals[f'jackpot_up{{service="{service}"}}'] = 0
        chain.signals['jackpot_pool_amount_cents{service="short",pool="minor"}'] = -1
        for service in (*DOWN, "short"):
            chain.page(service, to="#jackpot-ops")
        yield chain


def incidents(chain: Chain) -> dict[tuple[str, str], Incident]:
    """What `list` shows, by incident and service."""

    async def read() -> list[Incident]:
        client = HttpClient()
        try:
            server = Alertmanager(client, chain.alertmanager.url, HttpOptions())
            return group(await server.alerts(), await server.silences())
        finally:
            await client.close()

    return {(one.name, one.service): one for one in asyncio.run(read())}


def test_the_list_names_incident_level_age_and_what(chain: Chain) -> None:
    done = run_alerts(chain, "list", "--all", "--output", "json")
    assert done.returncode == 0, done.stderr
    listed = {(one["incident"], one["service"]): one for one in json.loads(done.stdout)}
    found = listed["JackpotServiceDown", "listed"]

    assert ("Watchdog", "") in listed
    assert found["state"] == "firing"
    assert (found["severity"], found["priority"], found["level"]) == ("critical", "P1", 1)
    assert 0 < found["ageSeconds"] < 120
    assert found["summary"] == "The jackpot service is down."
    assert "slack" in found["alerts"][0]["receivers"]


def test_the_table_is_for_people_and_has_no_colour_in_a_pipe(chain: Chain) -> None:
    lines = run_alerts(chain, "list").stdout.splitlines()

    assert re.match(r"INCIDENT +SERVICE +SEVERITY +STATE +LEVEL +AGE +WHAT$", lines[0])
    row = next(line for line in lines if "listed" in line)
    assert re.match(
        r"JackpotServiceDown +listed +critical P1 +firing +1 +[\dms ]+ The jackpot service is down.$", row
    ), row
    assert "\x1b" not in "".join(lines)
    assert not any("Watchdog" in line for line in lines)


def test_ack_takes_one_incident_on_one_service_and_unack_gives_it_back(chain: Chain) -> None:
    given = ("ack", "JackpotServiceDown", "--service", "held")
    done = run_alerts(chain, *given, "--comment", "on it", "--author", "ada", "--for", "10m")
    assert done.returncode == 0, done.stderr

    held = eventually(lambda: incidents(chain)["JackpotServiceDown", "held"].acknowledgement)
    assert held
    assert (held.author, held.comment) == ("ada", "on it")
    assert incidents(chain)["JackpotServiceDown", "held"].state == "acknowledged"
    assert incidents(chain)["JackpotServiceDown", "other"].state == "firing"
    assert "taken by ada until" in run_alerts(chain, "list").stdout

    longer = run_alerts(chain, *given, "--comment", "still on it", "--author", "ada", "--for", "3h")
    assert longer.returncode == 0, longer.stderr
    again = incidents(chain)["JackpotServiceDown", "held"].acknowledgement
    assert again
    assert again.ends_at > held.ends_at
    assert again.comment == "still on it"

    back = run_alerts(chain, "unack", "JackpotServiceDown", "--service", "held")
    assert back.stdout == "JackpotServiceDown on held is no longer taken\n"
    eventually(lambda: incidents(chain)["JackpotServiceDown", "held"].state == "firing")


def test_ack_and_unack_of_what_is_not_there_say_so(chain: Chain) -> None:
    misspelt = run_alerts(chain, "ack", "JackpotServceDown", "--comment", "x")
    elsewhere = run_alerts(chain, "ack", "JackpotServiceDown", "--service", "nowhere", "--comment", "x")
    untaken = run_alerts(chain, "unack", "JackpotPoolNegative")

    assert [one.returncode for one in (misspelt, elsewhere, untaken)] == [1, 1, 1]
    assert 'did you mean "JackpotServiceDown"?' in misspelt.stderr
    assert "JackpotServiceDown fires, but not on nowhere" in elsewhere.stderr
    assert "JackpotPoolNegative is not acknowledged" in untaken.stderr


def test_history_has_what_fires_and_what_has_ended(chain: Chain) -> None:
    chain.signals['jackpot_dependency_up{service="brief",dependency="cache"}'] = 0
    eventually(lambda: chain.firing(',alertname="JackpotCacheDown"'), within=30)
    chain.signals['jackpot_dependency_up{service="brief",dependency="cache"}'] = 1
    eventually(lambda: not chain.firing(',alertname="JackpotCacheDown"'), within=30)

    def episodes() -> dict[tuple[str, str], dict[str, Any]]:
        found = json.loads(run_alerts(chain, "history", "--since", "1h", "--output", "json").stdout)
        return {(one["alert"], one["service"]): one for one in found}

    # It has ended when its last sample is older than a few evaluations.
    eventually(
        lambda: not chain.prometheus.query('last_over_time(ALERTS{alertname="JackpotCacheDown"}[3s])'), within=30
    )
    found = episodes()
    ended = found["JackpotCacheDown", "brief"]
    assert ended["endedAt"] > ended["startedAt"]
    assert found["JackpotServiceDown", "listed"]["endedAt"] is None
    assert "still firing" in run_alerts(chain, "history").stdout


@pytest.mark.parametrize("channel", ["email", "slack", "telegram"])
def test_a_test_notification_goes_end_to_end_and_is_marked(chain: Chain, channel: str) -> None:
    done = run_alerts(chain, "test", channel)

    assert done.returncode == 0, done.stderr
    assert channel in done.stdout
    found = eventually(lambda: [one for one in chain.sink.received() if is_test(one.service, one.title, channel)])
    assert "This is a test. Nothing is wrong." in found[0].title


def is_test(service: str, title: str, channel: str) -> bool:
    return service == channel and "TestNotification" in title


def test_a_channel_without_a_route_is_a_failure(chain: Chain) -> None:
    done = run_alerts(chain, "test", "pigeon")

    assert done.returncode == 1
    assert 'no route leads to the channel "pigeon"' in done.stderr


def test_a_receiver_that_refuses_is_a_failure(chain: Chain, tmp_path: Path) -> None:
    (chain.site.folder / "secrets" / "slack-url").write_text(f"{chain.sink.url}/gone")
    try:
        done = run_alerts(chain, "test", "security", "--severity", "info")
    finally:
        (chain.site.folder / "secrets" / "slack-url").write_text(f"{chain.sink.url}/slack")

    assert done.returncode == 1
    assert "failed by slack" in done.stderr


def test_a_server_that_is_down_is_named_and_no_traceback_shows(chain: Chain) -> None:
    done = run_alerts(chain, "--alertmanager.url", "http://127.0.0.1:9", "list")

    assert done.returncode == 1
    assert done.stderr.startswith("Error: Alertmanager at http://127.0.0.1:9: ")
    assert "Traceback" not in done.stderr
