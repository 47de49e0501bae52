"""The templates as a real Alertmanager renders them, received as each service would receive them."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from harness.alerting import VALUES
from harness.waiting import eventually
from jackpot_exporter.demo.notifications import Notification
from jackpot_exporter.demo.programs import SinkProcess
from jackpot_exporter.demo.servers import AlertmanagerServer
from jackpot_exporter.demo.site import SiteAlertmanager, write_site

LABELS = {
    "alertname": "JackpotServiceDown",
    "service": "demo & <co>",
    "pack": "jackpot",
    "incident": "JackpotServiceDown",
    "severity": "critical",
    "priority": "P1",
    "notify": "immediate",
    "kind": "symptom",
}
ANNOTATIONS = {
    "summary": "The jackpot service is down.",
    "description": "p95 is > 3 & < 5 s; 42.5% fail.",
    "runbook_url": "https://runbook.example/RUNBOOK.md#jackpotservicedown",
    "dashboard_url": "https://grafana.example/d/jackpot",
    "response_time": "15m",
}
TITLE = "[CRITICAL] JackpotServiceDown on demo & <co>: The jackpot service is down."
CHANNELS = ("email", "pagerduty", "phone", "slack", "sms", "telegram", "webhook")


@dataclass(frozen=True, slots=True)
class Bench:
    """An Alertmanager to hand alerts to, and the sink."""

    server: AlertmanagerServer
    sink: SinkProcess

    def tell(self, number: int, *, ended: bool = False, channels: tuple[str, ...] = CHANNELS, **labels: str) -> None:
        """Alerts that differ in `pool`; `ended` ones lasted a minute and a half."""
        now = datetime.now(UTC)
        times = {
            "startsAt": (now - timedelta(seconds=90)).isoformat(),
            **({"endsAt": now.isoformat()} if ended else {}),
        }
        own = {**LABELS, "channels": f"/{'/'.join(channels)}/", **labels}
        alerts: list[dict[str, Any]] = [
            {"labels": {**own, "pool": f"pool{index}"}, "annotations": ANNOTATIONS, **times} for index in range(number)
        ]
        self.server.post_alerts(alerts)

    def received(self, service: str, word: str) -> Notification:
        def found() -> list[Notification]:
            return [one for one in self.sink.received() if one.service == service and word in one.title + one.text]

        return eventually(found, within=30)[0]


@pytest.fixture(scope="module", params=["0.25", "0.33"])
def bench(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Bench]:
    version = {"0.25": None, "0.33": "current"}[request.param]
    timing = VALUES["routing"]["timing"]
    with SinkProcess() as sink:
        values = {"routing": {"timing": timing, "alertmanager_version": request.param}}
        site = write_site(tmp_path_factory.mktemp("bench"), sink, values)
        with SiteAlertmanager(site, version=version) as server:
            yield Bench(server, sink)


@pytest.fixture(scope="module")
def paged(bench: Bench) -> Callable[[str], Notification]:
    bench.tell(1)
    return lambda service: bench.received(service, "JackpotServiceDown on demo")


@pytest.mark.parametrize("service", ["email", "pagerduty", "slack", "telegram"])
def test_a_message_shows_what_since_when_how_bad_and_what_to_do(
    service: str, paged: Callable[[str], Notification]
) -> None:
    message = paged(service)

    description = "p95 is &gt; 3 &amp; &lt; 5 s; 42.5% fail." if service == "slack" else ANNOTATIONS["description"]
    assert message.title == TITLE
    assert description in message.text
    assert "critical P1, since 2" in message.text
    assert " UTC, to be answered within 15m" in message.text
    assert message.links["Runbook"] == ANNOTATIONS["runbook_url"]
    assert message.links["Dashboard"] == ANNOTATIONS["dashboard_url"]
    silence = message.links["Acknowledge by a silence" if service == "email" else "Silence"]
    assert "/#/silences/new?filter=%7Bincident%3D%22JackpotServiceDown%22%2C%20service%3D%22demo" in silence


def test_the_mail_has_both_forms_and_escapes_what_it_is_given(paged: Callable[[str], Notification]) -> None:
    message = paged("email")

    assert message.to == "oncall@example.com"
    assert "p95 is &gt; 3 &amp; &lt; 5 s" in message.html
    assert "demo &amp; &lt;co&gt;" in message.html
    assert "Silence: http" in message.text


def test_a_text_message_is_short(paged: Callable[[str], Notification]) -> None:
    message = paged("sms")

    assert message.title.startswith(TITLE)
    assert len(message.title) < 160


def test_the_end_says_how_long_it_lasted(bench: Bench) -> None:
    bench.tell(1, incident="Ended", alertname="Ended")
    bench.received("slack", "[CRITICAL] Ended")

    bench.tell(1, incident="Ended", alertname="Ended", ended=True)

    message = bench.received("slack", "[RESOLVED] Ended")
    assert "resolved, critical P1, since" in message.text
    assert " UTC, for 1m3" in message.text
    assert "to be answered" not in message.text
    assert bench.received("pagerduty", "[RESOLVED] Ended").status == "resolved"


def test_fifty_alerts_in_one_message_are_ten_and_a_number(bench: Bench) -> None:
    bench.tell(50, incident="Many", alertname="Many", channels=("slack", "telegram", "email"))

    slack, telegram, mail = (bench.received(service, "(50)") for service in ("slack", "telegram", "email"))

    assert slack.text.count("*Many*") == 10
    assert "The first 10 of 50." in slack.text
    assert "The first 10 of 50." in telegram.text
    assert mail.text.count("Many on demo & <co>: The jackpot") == 51


def test_alerts_of_others_are_told_too(bench: Bench) -> None:
    """An alert with none of our labels and annotations still makes sense, and reaches someone."""
    bench.server.post_alerts([{"labels": {"alertname": "NodeDown", "severity": "page"}, "annotations": {}}])

    message = bench.received("email", "NodeDown")

    assert message.title == "[PAGE] NodeDown"
    assert message.to == "ops@example.com"
