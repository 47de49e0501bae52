"""What pgBackRest says of its repository: `pgbackrest info --output=json`, from the program or from a file."""

from __future__ import annotations

from functools import partial
from typing import Any

from ..errors import BadDataError, MissingError
from ..model import Note, Outcome
from ._backup_record import Backup, Record, Verdict
from ._health_words import number_of
from ._json_text import Json, read_json

_BACKUPS_MAX = 10_000


async def read_pgbackrest(text: bytes, stanza: str | None) -> Record:
    """The backups of one stanza. MissingError when it is not there, BadDataError when this is not pgBackRest's JSON."""
    record, _ = await read_json(text, partial(_record, stanza=stanza))
    return record


def _record(document: Json, stanza: str | None) -> Record:
    if not isinstance(document, list):
        raise BadDataError("this is not the list that `pgbackrest info --output=json` gives")
    stanzas = {str(entry.get("name")): entry for entry in document if isinstance(entry, dict)}
    if stanza is None and len(stanzas) > 1:
        raise BadDataError(f"there are several stanzas, name one: {', '.join(sorted(stanzas))}")
    found = stanzas.get(stanza) if stanza is not None else next(iter(stanzas.values()), None)
    if found is None:
        raise MissingError(f"pgBackRest knows no stanza {stanza or 'at all'}")
    listed = found.get("backup")
    entries = listed[-_BACKUPS_MAX:] if isinstance(listed, list) else []
    backups = [backup for entry in entries if (backup := _backup(entry)) is not None]
    backups.sort(key=lambda backup: backup.ended_at, reverse=True)
    oldest_at = backups[-1].ended_at if backups else None
    return Record(backups, len(backups), oldest_at, _notes(found), _repository_bytes(entries))


def _backup(entry: Any) -> Backup | None:
    stop = number_of(_at(entry, "timestamp", "stop"))
    if stop is None:
        return None
    error = entry.get("error")
    verdict = None
    if isinstance(error, bool):
        verdict = Verdict(not error, "pgBackRest found pages with a wrong checksum" if error else "")
    size = number_of(_at(entry, "info", "size")) or 0
    return Backup(str(entry.get("label")), stop, int(size), number_of(_at(entry, "timestamp", "start")), verdict)


def _repository_bytes(entries: list[Any]) -> int | None:
    """What all backups take: each adds its difference to those before it."""
    sizes = [number_of(_at(entry, "info", "repository", "delta")) for entry in entries]
    known = [size for size in sizes if size is not None]
    return int(sum(known)) if known else None


def _notes(stanza: Any) -> list[Note]:
    code, message = _at(stanza, "status", "code"), _at(stanza, "status", "message")
    if code in (0, None):
        return []
    return [Note("pgbackrest status", f"pgBackRest: {str(message)[:100]}", Outcome.BAD_DATA)]


def _at(value: Any, *keys: str) -> Any:
    for key in keys:
        value = value.get(key) if isinstance(value, dict) else None
    return value
