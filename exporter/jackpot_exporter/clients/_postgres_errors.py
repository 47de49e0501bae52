"""What a PostgreSQL error means to the rest of the exporter."""

from __future__ import annotations

import psycopg

from ..errors import (
    AuthError,
    BadDataError,
    MissingError,
    PermissionDeniedError,
    RefusedError,
    SourceError,
    SourceTimeoutError,
)
from ..redaction import redact

_CLASSES: tuple[tuple[str, type[SourceError]], ...] = (
    ("55P03", SourceTimeoutError),  # lock_not_available: lock_timeout
    ("57014", SourceTimeoutError),  # query_canceled: statement_timeout
    ("25P03", SourceTimeoutError),  # idle_in_transaction_session_timeout
    ("42501", PermissionDeniedError),
    ("42P01", MissingError),  # undefined_table
    ("42703", MissingError),  # undefined_column
    ("42883", MissingError),  # undefined_function
    ("42704", MissingError),  # undefined_object
    ("3D000", MissingError),  # invalid_catalog_name
    ("3F000", MissingError),  # invalid_schema_name
    ("55000", MissingError),  # object_not_in_prerequisite_state: an extension that is not preloaded
    ("0A000", MissingError),  # feature_not_supported
    ("28", AuthError),
    ("08", RefusedError),
    ("53", RefusedError),  # too many connections, out of memory, disk full
    ("57", RefusedError),  # shutting down, starting up, crashed
)

# libpq's words for an answer that is no PostgreSQL's.
_NONSENSE = (
    "expected authentication request",
    "received invalid",
    "lost synchronization",
    "message contents do not agree",
    "insufficient data in",
    "unexpected response",
)


def translate(error: psycopg.Error, *, timed_out: bool) -> SourceError:
    """By SQLSTATE: https://www.postgresql.org/docs/current/errcodes-appendix.html."""
    if timed_out:
        return SourceTimeoutError("the server did not answer within the deadline; connection dropped")
    message = redact(_first_line(error))
    for prefix, kind in _CLASSES:
        if (error.sqlstate or "").startswith(prefix):
            return kind(message)
    if error.sqlstate is None:
        return BadDataError(message) if _is_nonsense(error) else RefusedError(message)
    return BadDataError(message)


def translate_connect(error: psycopg.Error) -> SourceError:
    """libpq gives no SQLSTATE for a failed connection, only the server's text."""
    message = redact(_first_line(error))
    lowered = str(error).lower()
    if "timeout expired" in lowered:
        return SourceTimeoutError(message)
    if any(words in lowered for words in ("authentication failed", "pg_hba.conf", "no password supplied", "role ")):
        return AuthError(message)
    if "does not exist" in lowered:
        return MissingError(message)
    if "permission denied for database" in lowered:
        return PermissionDeniedError(message)
    return BadDataError(message) if _is_nonsense(error) else RefusedError(message)


def _is_nonsense(error: psycopg.Error) -> bool:
    return any(words in str(error) for words in _NONSENSE)


def _first_line(error: psycopg.Error) -> str:
    primary = error.diag.message_primary
    return primary or str(error).strip().partition("\n")[0]
