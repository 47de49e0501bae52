"""Blocks: text that can be had back from what it was compressed to."""

from __future__ import annotations

import pytest

from jackpot_exporter.blocks import Block


@pytest.mark.parametrize("text", [b"", b"short", b"long " * 1000], ids=["empty", "stored", "compressed"])
def test_a_forgotten_text_is_had_back(text: bytes) -> None:
    block = Block(text)
    assert block.piece.size == len(text)

    block.forget_text()

    assert block.text == text


def test_a_text_that_was_never_compressed_is_not_forgotten() -> None:
    block = Block(b"only copy")

    block.forget_text()

    assert block.text == b"only copy"
