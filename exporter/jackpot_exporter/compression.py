"""Gzip out of pieces that were compressed before.

Each piece is a raw deflate stream ended by a full flush, so that pieces can follow one another inside one gzip
member: a scrape compresses only the few lines that change with it. One member, not several: curl and browsers
stop after the first. The trailer's checksum is combined from the pieces' own.

Formats: RFC 1951 and RFC 1952. Combining CRCs is the matrix-free form of zlib's `crc32_combine`: the checksum of
the first part is multiplied by x^(8n) modulo the polynomial, n being the length of the second part in bytes.
"""

from __future__ import annotations

import zlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import lru_cache

_LEVEL = 1  # level 6 makes 35 % smaller answers for three times the CPU; Prometheus scrapes over a local network
_HEADER = b"\x1f\x8b\x08\x00\x00\x00\x00\x00\x00\xff"  # no name, no time, unknown system: equal input, equal bytes
_POLYNOMIAL = 0xEDB88320


@dataclass(frozen=True, slots=True)
class Piece:
    """A stretch of text compressed for any place in a gzip member; `size` and `crc` are of the text."""

    deflated: bytes
    size: int
    crc: int


def compress(text: bytes) -> Piece:
    """Compress one piece. Releases the interpreter lock while it works on more than a few kilobytes."""
    if not text:
        return Piece(b"", 0, 0)
    deflate = zlib.compressobj(_LEVEL, zlib.DEFLATED, -zlib.MAX_WBITS)
    return Piece(deflate.compress(text) + deflate.flush(zlib.Z_FULL_FLUSH), len(text), zlib.crc32(text))


def wrap(text: bytes) -> Piece:
    """A short text as a piece, stored and not compressed. ValueError when it is longer than 65,535 bytes."""
    size = len(text).to_bytes(2, "little") if len(text) < 1 << 16 else b""
    if not size:
        raise ValueError(f"{len(text)} bytes do not fit into one stored block")
    return Piece(b"\x00" + size + bytes(byte ^ 0xFF for byte in size) + text, len(text), zlib.crc32(text))


def expand(piece: Piece) -> bytes:
    """The text of a piece."""
    return zlib.decompressobj(-zlib.MAX_WBITS).decompress(piece.deflated)


def join(pieces: Iterable[Piece]) -> Piece:
    """The pieces' texts one after another, as one piece."""
    crc = size = 0
    parts = []
    for piece in pieces:
        parts.append(piece.deflated)
        crc = crc32_combine(crc, piece.crc, piece.size)
        size += piece.size
    return Piece(b"".join(parts), size, crc)


def gzip(piece: Piece, last: bytes) -> bytes:
    """A whole gzip file: the piece, and behind it text that is not compressed yet."""
    return b"".join(gzip_parts([piece], last))


def gzip_parts(pieces: Sequence[Piece], last: bytes) -> list[bytes]:
    """The same of several pieces, as parts to be sent one after another: large ones need not be copied together."""
    deflate = zlib.compressobj(_LEVEL, zlib.DEFLATED, -zlib.MAX_WBITS)
    crc = size = 0
    for piece in pieces:
        crc = crc32_combine(crc, piece.crc, piece.size)
        size += piece.size
    size = (size + len(last)) & 0xFFFFFFFF
    trailer = zlib.crc32(last, crc).to_bytes(4, "little") + size.to_bytes(4, "little")
    return [_HEADER, *(piece.deflated for piece in pieces), deflate.compress(last) + deflate.flush() + trailer]


def crc32_combine(first: int, second: int, second_size: int) -> int:
    """The CRC-32 of two texts in a row, from theirs and the length of the second."""
    return _multiply(_shift(second_size), first) ^ second


@lru_cache(maxsize=1024)
def _shift(size: int) -> int:
    """x^(8 * size) modulo the polynomial, bits reflected."""
    power, square = 1 << 31, 1 << 23  # x^0 and x^8
    while size:
        if size & 1:
            power = _multiply(square, power)
        square = _multiply(square, square)
        size >>= 1
    return power


def _multiply(a: int, b: int) -> int:
    """The product of two polynomials modulo the CRC's, bits reflected."""
    product = 0
    mask = 1 << 31
    while mask:
        if a & mask:
            product ^= b
        b = (b >> 1) ^ _POLYNOMIAL if b & 1 else b >> 1
        mask >>= 1
    return product
