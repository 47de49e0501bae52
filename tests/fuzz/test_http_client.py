"""Whatever a watched service answers: it is an answer or a SourceError in our words, in time and in bounds."""

from __future__ import annotations

from hypothesis import example, given
from hypothesis import strategies as st

from harness.answering import answering
from harness.fuzzing import inputs
from jackpot_exporter.clients.http import HttpClient
from jackpot_exporter.clients.http_exchange import Request
from jackpot_exporter.clients.http_options import HttpOptions
from jackpot_exporter.errors import SourceError, SourceTimeoutError

TOKEN = "tok3n-of-the-url"
MOST = 2000
PIECES = st.sampled_from([
    b"HTTP/1.1 200 OK\r\n", b"HTTP/1.1 302 Found\r\n", b"HTTP/1.1 101 Switching\r\n", b"HTTP/1.0 204\r\n",
    b"HTTP/9.9 999 \r\n",
    b"Content-Length: 5\r\n", b"Content-Length: -1\r\n", b"Content-Length: 99999999999\r\n",
    b"Transfer-Encoding: chunked\r\n",
    b"Content-Encoding: gzip\r\n", b"Content-Encoding: deflate\r\n", b"Content-Encoding: br\r\n",
    b"Content-Type: \xff\r\n",
    b"Location: /\r\n", b"Location: http://169.254.169.254/\r\n", b"Location: file:///etc/passwd\r\n",
    b"Location: http://[\r\n",
    b"Location: //\r\n", b"Location: http://user:pw@localhost:1/\r\n", b"Set-Cookie: a=b\r\n", b"\r\n", b"\n", b"\r",
    b"\0",
    b"5\r\nhello\r\n", b"0\r\n\r\n", b"fffffffff\r\n", b"\x1f\x8b\x08\x00\x00", b"a" * 3000, b":", b" ",
    b"HTTP/1.1 100 Continue\r\n\r\n",
])  # fmt: skip


@inputs(60)
@given(st.lists(PIECES | st.binary(max_size=20), max_size=14).map(b"".join))
@example(b"HTTP/1.1 302 Found\r\nLocation: http://[\r\nContent-Length: 0\r\n\r\n")
async def test_any_answer_is_read_or_refused(said: bytes) -> None:
    client = HttpClient()
    async with answering(said) as server:
        url = f"http://user:{TOKEN}@localhost:{server.port}/health?token={TOKEN}"
        found = await _fetched(client, Request(url, body_max_bytes=MOST))
    await client.close()

    assert found is None or TOKEN not in found


async def _fetched(client: HttpClient, request: Request) -> str | None:
    """What is said of a failure; None when there is an answer."""
    try:
        answer = await client.fetch(request, HttpOptions(), 5.0)
    except SourceTimeoutError:
        raise
    except SourceError as error:
        return str(error)
    assert len(answer.body) <= MOST
    return None
