"""What must hold when parts of the chain fail, for digests and on Sunday night: Prometheus 3 and Alertmanager 0.33.

Each story has a chain of its own and takes half a minute, mostly waiting: all run at once, and a test is the end
of its story.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from concurrent.futures import Future
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from harness.alerting import LEVEL_2, LEVEL_3, Chain, rewrite, run_alerts, running_chain, wait_for_alertmanagers
from harness.waiting import eventually
from jackpot_exporter.demo.servers import AlertmanagerServer

SINCE = 'incident:firing_since:timestamp_seconds{service="restarted"}'


def restart(folder: Path) -> None:
    """A restart of Prometheus does not begin escalation anew."""
    late = LEVEL_3 + 15
    values = {"alerts": {"EscalationLevel3": {"values": {"matrix_seconds": late}}}}
    with running_chain(folder, values, newer=True) as chain:
        chain.signals['jackpot_up{service="restarted"}'] = 0
        chain.page("restarted", to="team-lead@example.com", within=LEVEL_2 + 40)
        since = float(chain.prometheus.query(SINCE)[0]["value"][1])

        chain.prometheus.restart()
        restarted_at = time.time()

        wait_for_alertmanagers(chain)
        page = chain.page("restarted", to="engineering-manager@example.com", within=late)
        assert float(chain.prometheus.query(SINCE)[0]["value"][1]) == since
        assert page.at < restarted_at + late - 3


def unreachable(folder: Path) -> None:
    """A receiver that cannot be reached loses no page, and is an alert itself."""
    failures = "sum(alertmanager_notification_requests_failed_total)"
    with running_chain(folder, newer=True) as chain:
        chain.sink.stop()
        chain.signals['jackpot_up{service="unheard"}'] = 0
        eventually(lambda: float(chain.prometheus.query(failures)[0]["value"][1]) > 0, within=60)
        eventually(lambda: chain.firing(',alertname="AlertmanagerNotificationsFailing"'), within=40)

        chain.sink.start()

        for to in ("#jackpot-ops", "oncall@example.com", "pagerduty-key", "-1000000000001", "team-lead@example.com"):
            chain.page("unheard", to=to, within=60)
        eventually(lambda: titles(chain, "Notifications do not reach their receivers."), within=40)


def maintenance(folder: Path) -> None:
    """The window mutes everything but what is exempt, and says so nowhere but in the log."""
    weekday = (datetime.now(UTC).weekday() + 1) % 7
    window = {"values": {"weekday": weekday, "start_hour": 0, "end_hour": 24}}
    with running_chain(folder, {"alerts": {"MaintenanceWindow": window}}, newer=True) as chain:
        [server] = chain.alertmanagers
        # What begins with the window itself may be told first.
        eventually(lambda: "MaintenanceWindow" in [one["labels"]["alertname"] for one in server.alerts()], within=40)
        chain.signals['jackpot_up{service="muted"}'] = 0
        eventually(lambda: chain.firing(',alertname="JackpotServiceDown",service="muted"'), within=40)
        chain.signals['jackpot_pool_amount_cents{service="exempt",pool="minor"}'] = -5
        # Escalations carry the exemption of what they escalate.
        chain.page("exempt", to="team-lead@example.com", within=LEVEL_2 + 40)
        eventually(lambda: chain.firing(',service="muted",escalation_level="2"'), within=40)

        listed = run_alerts(chain, "list", "--all", "--output", "json").stdout

        assert {one.to for one in chain.told("exempt")} >= {"#jackpot-ops", "oncall@example.com", "pagerduty-key"}
        assert chain.told("muted", status="") == []
        assert '"state": "inhibited"' in listed
        assert titles(chain, "MaintenanceWindow") == []


def cluster(folder: Path) -> None:
    """Two Alertmanagers in a cluster both know the alert and send it once."""
    with running_chain(folder, cluster=2, newer=True) as chain:
        eventually(lambda: [peers(server) for server in chain.alertmanagers] == [2, 2], within=40)
        chain.signals['jackpot_up{service="shared"}'] = 0
        chain.page("shared", to="#jackpot-ops", within=40)
        chain.page("shared", to="team-lead@example.com", within=LEVEL_2 + 40)

        pages = [one.title for one in chain.told("shared", to="#jackpot-ops")]

        assert [len(server.alerts()) > 1 for server in chain.alertmanagers] == [True, True]
        assert len(pages) == 1, pages


def digest(folder: Path) -> None:
    """A digest tells once, when it is due, what came before: also what had ended by then."""
    with running_chain(folder, digests_at(timedelta(hours=12)), newer=True) as chain:
        changes = {name: f'jackpot_config_changes_total{{service="{name}"}}' for name in ("early", "late")}
        for series in changes.values():
            chain.signals[series] = 0
        eventually(lambda: len(chain.prometheus.query("jackpot_config_changes_total")) == 2, within=40)
        chain.signals[changes["early"]] = 1
        eventually(lambda: chain.firing(',alertname="JackpotConfigChanged",service="early"'), within=40)
        del chain.signals[changes["early"]]
        chain.signals[changes["late"]] = 1
        eventually(lambda: chain.firing(',alertname="JackpotConfigChanged",service="late"'), within=40)
        eventually(lambda: not chain.prometheus.query(f"{changes['early']}"), within=40)
        assert titles(chain, "digest") == []

        rewrite(chain, digests_at(timedelta(seconds=5)))

        eventually(lambda: titles(chain, "digest"), within=75)
        found = [one for one in chain.sink.received() if "digest" in one.title]
        assert [one.title for one in found] == ["[INFO] jackpot, hourly digest: 2 alerts"]
        assert "early" in found[0].text
        assert "late" in found[0].text


def digests_at(later: timedelta) -> dict[str, Any]:
    """Values with an hourly digest due at the first full minute after that time: routing knows minutes only."""
    due = (datetime.now(UTC) + later).replace(second=0) + timedelta(minutes=1)
    end = due + timedelta(minutes=3)
    times = [f"{due:%H:%M}-{end:%H:%M}"]
    if end.date() != due.date():  # no range goes past midnight
        times = [f"{due:%H:%M}-24:00", f"00:00-{end + timedelta(minutes=1):%H:%M}"]
    return {"routing": {"digests": {"hourly": {"times": times, "repeat": "55m", "interval": "1s"}}}}


def peers(server: AlertmanagerServer) -> int:
    return len(server.api("/api/v2/status")["cluster"]["peers"])


def titles(chain: Chain, word: str) -> list[str]:
    """Of what people were told, with this word in it."""
    return [one.title for one in chain.sink.received() if word in one.title and one.to not in ("log", "watchdog")]


STORIES: dict[str, Callable[[Path], None]] = {
    story.__name__: story for story in (restart, unreachable, maintenance, cluster, digest)
}


@pytest.mark.parametrize("name", STORIES)
def test_story(name: str, tellers: Callable[[Callable[[Path], None]], Future[None]]) -> None:
    for story in STORIES.values():
        tellers(story)

    tellers(STORIES[name]).result(300)
