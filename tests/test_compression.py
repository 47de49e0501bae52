"""Gzip files made of pieces."""

from __future__ import annotations

import gzip as standard
import subprocess
import zlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from jackpot_exporter.compression import Piece, compress, crc32_combine, gzip, join


@given(st.lists(st.binary(max_size=3000), max_size=6), st.binary(max_size=3000))
def test_pieces_make_one_gzip_file(texts: list[bytes], last: bytes) -> None:
    made = gzip(join(map(compress, texts)), last)

    assert standard.decompress(made) == b"".join(texts) + last


@given(st.binary(), st.binary())
def test_checksums_combine_as_if_computed_over_both(first: bytes, second: bytes) -> None:
    combined = crc32_combine(zlib.crc32(first), zlib.crc32(second), len(second))

    assert combined == zlib.crc32(first + second)


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
