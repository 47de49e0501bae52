"""Whether a user and password are right, by bcrypt: once for each pair that is tried, and never on the event loop.

A check takes a tenth of a second by design, so thousands of wrong ones must not take it from anyone else: they wait
in line for one thread of low priority, a few from each address, and what was checked is remembered by a keyed hash.
Passwords and what they hash to without the key are never kept.
"""

from __future__ import annotations

import asyncio
import contextlib
import hmac
import os
import secrets
import threading
from collections import Counter, OrderedDict
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from hashlib import blake2b

_WRONG_REMEMBERED = 1024
_WAITING = 16  # well below how many requests may be answered at a time
_WAITING_OF_ONE = 4
_BCRYPT_READS = 72  # bytes; every implementation leaves out the rest
_NICENESS = 10


class TooManyLoginsError(Exception):
    """Too many unknown pairs are waiting to be checked."""


class LoginThread:
    """The one thread that checks."""

    def __init__(self) -> None:
        self._pool = ThreadPoolExecutor(1, "logins", initializer=_give_way)

    async def check(self, password: bytes, stored: bytes) -> bool:
        return await asyncio.get_running_loop().run_in_executor(self._pool, _matches, password, stored)

    def close(self) -> None:
        self._pool.shutdown(wait=False, cancel_futures=True)


class Logins:
    """The users of one configuration. Another configuration gets another object: nothing remembered outlives it."""

    def __init__(self, users: Mapping[str, str], thread: LoginThread) -> None:
        self._stored = {name.encode(): value.encode() for name, value in users.items()}
        # Unknown users are checked as well, against the hash that takes longest: time does not tell who is known.
        self._decoy = max(self._stored.values(), key=_cost)
        self._thread = thread
        self._key = secrets.token_bytes(32)
        self._right: dict[bytes, bytes] = {}
        self._wrong: OrderedDict[bytes, None] = OrderedDict()
        self._checks: dict[bytes, asyncio.Task[bool]] = {}
        self._waiting: Counter[str] = Counter()

    async def is_right(self, user: bytes, password: bytes, address: str) -> bool:
        """Whether this is a user's password. TooManyLoginsError when it is not known and too many are in line."""
        digest = self._digest(user, password)
        if hmac.compare_digest(self._right.get(user, b""), digest):
            return True
        if digest in self._wrong:
            self._wrong.move_to_end(digest)
            return False
        check = self._checks.get(digest)
        if check is None:
            self._let_wait(address)
            check = asyncio.create_task(self._check(user, password, digest, address))
            self._checks[digest] = check
        # Others may wait for the same check when this one gives up.
        return await asyncio.shield(check)

    def _let_wait(self, address: str) -> None:
        if len(self._checks) >= _WAITING or self._waiting[address] >= _WAITING_OF_ONE:
            raise TooManyLoginsError
        self._waiting[address] += 1

    async def _check(self, user: bytes, password: bytes, digest: bytes, address: str) -> bool:
        try:
            matches = await self._thread.check(password, self._stored.get(user, self._decoy))
        finally:
            del self._checks[digest]
            self._waiting[address] -= 1
            if not self._waiting[address]:
                del self._waiting[address]
        is_right = matches and user in self._stored
        if is_right:
            self._right[user] = digest
        else:
            self._wrong[digest] = None
            if len(self._wrong) > _WRONG_REMEMBERED:
                self._wrong.popitem(last=False)
        return is_right

    def _digest(self, user: bytes, password: bytes) -> bytes:
        return blake2b(len(user).to_bytes(4) + user + password, key=self._key, digest_size=32).digest()


def _cost(stored: bytes) -> int:
    return int(stored[4:6])


def _matches(password: bytes, stored: bytes) -> bool:
    import bcrypt  # noqa: PLC0415 - loaded only where there are users

    return bcrypt.checkpw(password[:_BCRYPT_READS], stored)


def _give_way() -> None:
    """On Linux a thread has a niceness of its own; elsewhere the process keeps its."""
    with contextlib.suppress(OSError, AttributeError):
        os.setpriority(os.PRIO_PROCESS, threading.get_native_id(), _NICENESS)
