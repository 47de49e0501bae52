"""Pages arrive where they should, say what they should, escalate, and end: Prometheus 2 and Alertmanager 0.25."""

from __future__ import annotations

import pytest

from harness.alerting import LEVEL_2, LEVEL_3, LEVEL_4, UNACKED, Chain, run_alerts
from harness.waiting import eventually

ONCALL = "oncall@example.com"
ESCALATION = [
    ("pagerduty-phone-key", UNACKED),
    ("team-lead@example.com", LEVEL_2),
    ("engineering-manager@example.com", LEVEL_3),
    ("director@example.com, executive@example.com", LEVEL_4),
]


def test_a_page_reaches_every_channel_and_says_what_to_do(story: Chain) -> None:
    receivers = ("#jackpot-ops", ONCALL, "pagerduty-key", "-1000000000001")
    pages = {to: story.page("passing", to=to) for to in receivers}

    for to, page in pages.items():
        assert page.title == "[CRITICAL] JackpotServiceDown on passing: The jackpot service is down.", to
        assert "The health endpoint of passing does not answer" in page.text
        assert "critical P1, since " in page.text
        assert "to be answered within 15m" in page.text
        assert page.links["Runbook"].endswith("RUNBOOK.md#jackpotservicedown")
        assert page.links["Dashboard"].endswith("/d/jackpot")
    silence = pages["#jackpot-ops"].links["Silence"]
    assert silence.endswith(
        "/#/silences/new?filter=%7Bincident%3D%22JackpotServiceDown%22%2C%20service%3D%22passing%22%7D"
    )


def test_the_end_is_told_to_all_who_were_paged(story: Chain) -> None:
    receivers = ("#jackpot-ops", ONCALL, "pagerduty-key", "-1000000000001")
    for to in receivers:
        story.page("passing", to=to)

    story.signals['jackpot_up{service="passing"}'] = 1

    for to in receivers:
        ended = story.page("passing", to=to, status="resolved")
        assert ended.title.startswith("[RESOLVED] JackpotServiceDown on passing")
    keys = {one.key for one in story.told("passing", to="pagerduty-key", status="")}
    assert len(keys) == 1, "PagerDuty closes the incident that it opened"


@pytest.mark.parametrize(("to", "seconds"), ESCALATION, ids=["phone", "level2", "level3", "level4"])
def test_an_incident_that_nobody_takes_escalates_in_time(story: Chain, to: str, seconds: int) -> None:
    first = story.page("escalating", to="#jackpot-ops")

    page = story.page("escalating", to=to, within=seconds + 40)

    assert page.title.startswith("[CRITICAL] JackpotServiceDown on escalating: An")
    assert "nobody has acknowledged it" in page.text
    assert seconds - 2 < page.at - first.at < seconds + 15
    assert story.prometheus.query('ALERTS{service="healthy",alertname!="JackpotConfigChanged"}') == []


def test_an_acknowledgement_mutes_every_level_and_its_end_brings_them_back(story: Chain) -> None:
    """`taken` was acknowledged as soon as it was told."""
    story.page("escalating", to=ESCALATION[-1][0], within=LEVEL_4 + 40)
    levels = story.firing(',service="taken",escalation_level!=""')

    assert {one["metric"]["escalation_level"] for one in levels} >= {"1", "2", "3"}
    assert [to for to, _ in ESCALATION[1:] if story.told("taken", to=to)] == []

    run_alerts(story, "unack", "JackpotServiceDown", "--service", "taken")
    for to, _ in ESCALATION[1:]:
        assert story.page("taken", to=to)


def test_the_critical_alert_silences_its_warning_until_only_that_is_true(story: Chain) -> None:
    story.page("full", to="pagerduty-key", says="JackpotMemory")
    eventually(lambda: story.firing(',alertname="JackpotMemoryHigh"'), within=40)

    assert story.told("full", says="[WARNING]") == []

    story.signals['jackpot_process_resident_memory_bytes{service="full"}'] = 90
    warned = story.page("full", to="#jackpot-ops", says="[WARNING]")
    assert "JackpotMemory on full" in warned.title


def test_a_dependency_that_is_down_silences_its_symptoms_and_their_escalation(story: Chain) -> None:
    story.page("dependent", to="team-lead@example.com", within=LEVEL_2 + 40)
    symptoms = ',service="dependent",incident="JackpotServiceDown"'
    eventually(lambda: len(story.firing(symptoms + ',escalation_level="2"')) == 1, within=40)

    told = {one.title.split("]")[1].split(" on ")[0].strip() for one in story.told("dependent")}
    to = {one.to for one in story.told("dependent", says="JackpotDatabaseDown")}

    assert told == {"JackpotDatabaseDown"}
    assert {"dba@example.com", ONCALL, "pagerduty-key", "#jackpot-ops", "-1000000000001"} <= to


def test_every_alert_is_logged_and_the_watchdog_goes_its_own_way(story: Chain) -> None:
    story.page("passing", to="#jackpot-ops")

    def alerts(to: str) -> set[str]:
        return {alert["labels"]["alertname"] for one in story.sink.received() if one.to == to for alert in one.alerts}

    eventually(lambda: {"JackpotServiceDown", "JackpotDatabaseDown"} <= alerts("log"), within=40)
    assert eventually(lambda: alerts("watchdog"), within=40) == {"Watchdog"}
    assert "Watchdog" not in alerts("log")
