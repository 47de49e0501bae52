"""What is masked, what is left, and what it costs."""

from __future__ import annotations

import time

import pytest

from jackpot_exporter.redaction import Redactor

QUARTER_MEGABYTE = 2**18


@pytest.fixture
def redactor() -> Redactor:
    made = Redactor()
    made.add("s3cret/ü", "dev", "abcXYZ12", "XYZ12tail")
    return made


@pytest.mark.parametrize(
    ("text", "said"),
    [
        pytest.param("is s3cret/ü here", "is *** here", id="as it is"),
        pytest.param("s3cret%2F%C3%BC s3cret%2f%c3%bc s3cret/%C3%BC", "*** *** ***", id="percent"),
        pytest.param('{"a": "s3cret/\\u00fc"}', '{"a": "***"}', id="JSON"),
        pytest.param("abcXYZ12tail", "***", id="two that overlap"),
        pytest.param(
            "postgresql://me:unknown@db and redis://:un@h", "postgresql://me:***@db and redis://:***@h", id="URL"
        ),
        pytest.param("password='un known' user=me PGPASSWORD=un", "password=*** user=me PGPASSWORD=***", id="DSN"),
        pytest.param("alter role x password 'it''s'", "alter role x password ***", id="SQL"),
        pytest.param("http://host:80/path a@b 12:30", "http://host:80/path a@b 12:30", id="none"),
    ],
)
def test_masking(redactor: Redactor, text: str, said: str) -> None:
    assert redactor(text) == said


def test_a_plain_word_is_left_in_labels() -> None:
    redactor = Redactor()
    redactor.add("postgres", "s3cret-word")

    assert redactor.label("postgres of s3cret-word") == "postgres of ***0"
    assert redactor("postgres of s3cret-word") == "*** of ***"


@pytest.mark.parametrize(
    "piece",
    ["password '", "pwd='\\'", "pwd=", "a://a:", "a://", "password  ", "a", "passwd", "dev ", "dev", "':@/"],
)
def test_hostile_text_costs_no_more_than_its_length(redactor: Redactor, piece: str) -> None:
    """Anybody who may send an alert may have much of it logged."""
    text = piece * (QUARTER_MEGABYTE // len(piece))
    started = time.process_time()

    redactor(text)

    assert time.process_time() - started < 10
