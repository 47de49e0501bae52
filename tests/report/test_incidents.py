"""What counts as one incident, when it was taken, and what is not known."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from jackpot_exporter.alerts.history import Episode
from jackpot_exporter.alerts.incidents import Silence
from jackpot_exporter.report.incidents import Handled, answered_late, handled, mean_seconds

START = datetime(2026, 3, 1, 8, tzinfo=UTC)
NOW = START + timedelta(hours=12)
MINUTE = timedelta(minutes=1)


def episode(alert: str, begin: float, end: float | None, incident: str = "Down", priority: str = "P1") -> Episode:
    ended = None if end is None else START + end * MINUTE
    severity = "warning" if priority == "P2" else "critical"
    return Episode(alert, incident, "demo", severity, priority, START + begin * MINUTE, ended)


def silence(begin: float, end: float, author: str = "ada", **matchers: str) -> Silence:
    named = matchers or {"incident": "Down", "service": "demo"}
    return Silence("1", named, author, "", START + begin * MINUTE, START + end * MINUTE, is_active=False)


def only(found: list[Handled]) -> Handled:
    (one,) = found
    return one


def test_alerts_of_one_incident_are_one_and_the_worst_names_it() -> None:
    found = only(handled([episode("High", 0, 30, priority="P2"), episode("Critical", 5, 20)], [], NOW))

    assert (found.severity, found.priority, found.seconds_to_end) == ("critical", "P1", 1800)


def test_the_same_incident_later_is_another() -> None:
    found = handled([episode("Down", 0, 10), episode("Down", 60, 90)], [], NOW)

    assert [one.seconds_to_end for one in found] == [1800, 600]


def test_an_escalation_is_no_incident() -> None:
    assert handled([episode("EscalationLevel2", 0, 10)], [], NOW) == []


def test_one_part_that_goes_on_keeps_it_open() -> None:
    found = only(handled([episode("High", 0, None), episode("Critical", 5, 20)], [], NOW))

    assert found.ended_at is None
    assert found.seconds_to_end is None


def test_the_first_silence_takes_it() -> None:
    found = only(handled([episode("Down", 0, 60)], [silence(20, 30, "bob"), silence(7, 15)], NOW))

    assert (found.seconds_to_take, found.taken_by) == (420, "ada")


@pytest.mark.parametrize(
    "other",
    [
        silence(61, 90),
        silence(-30, 0),
        silence(7, 15, incident="Other", service="demo"),
        silence(7, 15, incident="Down", service="else"),
    ],
    ids=["after it", "before it", "another incident", "another service"],
)
def test_other_silences_do_not(other: Silence) -> None:
    found = only(handled([episode("Down", 0, 60)], [other], NOW))

    assert found.taken_at is None
    assert found.is_taking_known


def test_a_silence_for_every_service_takes_it() -> None:
    found = only(handled([episode("Down", 0, 60)], [silence(7, 15, incident="Down")], NOW))

    assert found.seconds_to_take == 420


def test_one_that_was_muted_before_is_taken_at_once() -> None:
    found = only(handled([episode("Down", 0, 60)], [silence(-30, 90)], NOW))

    assert found.seconds_to_take == 0


@pytest.mark.parametrize("silences", [None, []], ids=["Alertmanager is silent", "it has forgotten"])
def test_what_is_not_known_is_not_told_as_not_taken(silences: list[Silence] | None) -> None:
    later = NOW if silences is None else NOW + timedelta(days=6)

    found = handled([episode("Down", 0, 60)], silences, later)

    assert not only(found).is_taking_known
    assert answered_late(found, {"P1": 60}, later) == []


def test_late_is_beyond_the_promise_of_its_priority() -> None:
    episodes = [
        episode("A", 0, 60, "InTime"),
        episode("B", 0, 60, "TooLate"),
        episode("C", 0, 10, "OverBefore"),
        episode("D", 0, 60, "Patient", "P2"),
        episode("E", 0, None, "Forgotten"),
    ]
    silences = [silence(14, 60, incident="InTime"), silence(16, 60, incident="TooLate")]

    found = answered_late(handled(episodes, silences, NOW), {"P1": 900, "P2": 7200}, NOW)

    assert {one.name for one in found} == {"TooLate", "Forgotten"}


def test_means_leave_out_what_is_not_there() -> None:
    assert mean_seconds([None, 10, 20]) == 15
    assert mean_seconds([None]) is None
