"""Text that is made once and sent often: kept as it is, compressed, or both. Knows nothing of what it says."""

from __future__ import annotations

from . import compression

_TINY = 512  # bytes; compressing less costs more time than sending it


class Block:
    """A text that never changes. What it was compressed to is kept; the text can be had back from that."""

    __slots__ = ("_piece", "_text", "size")

    def __init__(self, text: bytes) -> None:
        self.size = len(text)
        self._text: bytes | None = text
        self._piece: compression.Piece | None = None

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Block) and self.text == other.text

    def __hash__(self) -> int:
        return hash(self.text)

    @property
    def text(self) -> bytes:
        """The text, kept from now on."""
        text = self._text
        if text is None:
            text = self._text = self.read()
        return text

    def read(self) -> bytes:
        """The text, without keeping what has to be had back for it."""
        if self._text is not None:
            return self._text
        assert self._piece is not None  # noqa: S101 - the text is forgotten only when there is a piece
        return compression.expand(self._piece)

    @property
    def piece(self) -> compression.Piece:
        if self._piece is None:
            text = self.text
            self._piece = compression.wrap(text) if len(text) < _TINY else compression.compress(text)
        return self._piece

    def forget_text(self) -> None:
        """Keep only the piece, a tenth of the size, if there is one."""
        if self._piece is not None:
            self._text = None
