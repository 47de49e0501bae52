"""Gzip files made of pieces."""

from __future__ import annotations

import gzip as standard
import subprocess
import zlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from jackpot_exporter.compression import Piece, compress, expand, gzip, join, wrap


@given(st.lists(st.binary(max_size=3000), max_size=6), st.binary(max_size=3000))
def test_pieces_make_one_gzip_file(texts: list[bytes], last: bytes) -> None:
    made = gzip(join(map(compress, texts)), last)

    assert standard.decompress(made) == b"".join(texts) + last


@given(st.binary(max_size=3000))
def test_a_piece_gives_its_text_back(text: bytes) -> None:
    for make in (compress, wrap):
        assert expand(make(text)) == text


@given(st.lists(st.binary(max_size=3000), max_size=6))
def test_short_texts_are_pieces_too(texts: list[bytes]) -> None:
    assert standard.decompress(gzip(join([wrap(text) for text in texts]), b"")) == b"".join(texts)


def test_a_text_too_long_for_a_stored_block_is_refused() -> None:
    with pytest.raises(ValueError, match="65536 bytes"):
        wrap(bytes(65_536))


def test_a_joined_piece_can_be_joined_again() -> None:
    inner = join([compress(b"a" * 5000), compress(b"b")])

    assert standard.decompress(gzip(join([compress(b"x"), inner]), b"z")) == b"x" + b"a" * 5000 + b"bz"


def test_it_is_one_member_for_programs_that_stop_after_the_first() -> None:
    made = gzip(join([compress(b"one\n"), compress(b"two\n")]), b"three\n")

    reader = zlib.decompressobj(wbits=31)

    assert reader.decompress(made) == b"one\ntwo\nthree\n"
    assert reader.eof
    assert reader.unused_data == b""


def test_gzip_itself_takes_it() -> None:
    made = gzip(compress(b"metric 1\n" * 10_000), b"# EOF\n")

    unpacked = subprocess.run(["gzip", "-dc"], input=made, capture_output=True, check=True)

    assert unpacked.stdout == b"metric 1\n" * 10_000 + b"# EOF\n"


@pytest.mark.parametrize("pieces", [[], [Piece(b"", 0, 0)]], ids=["none", "an empty one"])
def test_nothing_is_a_valid_file(pieces: list[Piece]) -> None:
    assert standard.decompress(gzip(join(pieces), b"")) == b""
