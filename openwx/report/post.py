"""One POST to ``post_api``, and what came of it. Every foreign exception ends here."""

import asyncio
import io
import logging
import os
import time
from collections.abc import AsyncIterator, Callable
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime

import aiohttp
import msgspec
from yarl import URL

from openwx import metrics
from openwx.config.addresses import masked
from openwx.errors import ConfigError
from openwx.report import answer, signing
from openwx.report import attachment as attached
from openwx.report.answer import Answer
from openwx.report.records import Upload

log = logging.getLogger("openwx.report")

_NOT_NOW = frozenset({408, 429, 502, 503, 504})
_MOST_RETRY_AFTER_S = 300.0
_LARGE = 1024 * 1024
"""From here on aiohttp wants a stream rather than bytes."""


class Accepted(msgspec.Struct, frozen=True):
    """A 2xx. ``lost``: the answer's body broke off, so a reply may have been in it."""

    status: int
    answer: Answer | None = None
    lost: str = ""


class Refused(msgspec.Struct, frozen=True):
    """The backend's own word: not this upload."""

    status: int
    error: str


class NoAnswer(msgspec.Struct, frozen=True):
    """Nobody there, or not now. ``down``: whatever the upload is, another would fare no better."""

    error: str
    status: int = 0
    down: bool = False
    retry_after_s: float = 0.0


class Poster:
    """Where and how one account posts."""

    def __init__(
        self,
        post_api: str,
        http: aiohttp.ClientSession,
        *,
        timeout_s: float,
        secret: str | None,
        url_client: Callable[[], str | None],
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._url = url_for(post_api)
        self._url_client = url_client
        self._http = http
        self._timeout = aiohttp.ClientTimeout(total=timeout_s)
        self._key = signing.key_of(secret) if secret else None
        self._clock = clock

    async def post(self, upload: Upload) -> Accepted | Refused | NoAnswer:
        data, headers = await self._content(upload)
        try:
            async with self._http.post(
                with_client(self._url, self._url_client()),
                data=data,
                headers=headers,
                allow_redirects=False,
                timeout=self._timeout,
            ) as response:
                return await self._judge(response, upload)
        except (aiohttp.ClientConnectorError, aiohttp.InvalidURL) as error:
            return NoAnswer(words(error), down=True)
        except TimeoutError:
            return NoAnswer(f"no answer within {self._timeout.total:g} s")
        except (aiohttp.ClientError, OSError) as error:
            return NoAnswer(words(error))

    async def _content(
        self, upload: Upload
    ) -> tuple[bytes | io.BytesIO | AsyncIterator[bytes], dict[str, str]]:
        """What is posted, and its headers; the attachment is read from its file, once to sign and once to send."""
        body, attachment = upload.body, upload.attachment
        sign = signing.Signer(webhook_id_of(upload), int(self._clock()), self._key)
        if attachment:
            try:
                length = await asyncio.to_thread(sign.take, attached.pieces(body, attachment))
            except OSError as error:
                without = "%s: media_data is left out: %s"
                metrics.dropped(log, "media_data", without, webhook_id_of(upload), error)
                sign = signing.Signer(webhook_id_of(upload), int(self._clock()), self._key)
            else:
                return attached.stream(body, attachment), {
                    **sign.headers(),
                    "Content-Length": str(length),
                }
        sign.take([body])
        return io.BytesIO(body) if len(body) >= _LARGE else body, sign.headers()

    async def _judge(
        self, response: aiohttp.ClientResponse, upload: Upload
    ) -> Accepted | Refused | NoAnswer:
        status = response.status
        if status in _NOT_NOW:
            pause_s = retry_after(response.headers.get("Retry-After"), self._clock())
            asked = pause_s > 0 and status in (429, 503)
            return NoAnswer(
                f"HTTP {status}", status, down=asked, retry_after_s=pause_s if asked else 0.0
            )
        if not 200 <= status < 300:
            return Refused(status, f"HTTP {status}")
        try:
            body = await _read(response)
        except (aiohttp.ClientError, OSError) as error:  # TimeoutError is an OSError
            return Accepted(status, lost=words(error) if upload.reply_to else "")
        if not upload.reply_to or not answer.is_json(response.content_type):
            return Accepted(status)
        if body is None:
            too_large = "%s: the answer is ignored: it is larger than %d bytes"
            metrics.dropped(log, "reply", too_large, webhook_id_of(upload), answer.MOST_BYTES)
            return Accepted(status)
        return Accepted(status, answer.parse(body, response.charset, webhook_id_of(upload)))


def url_for(address: str) -> URL:
    """A configured address."""
    try:
        return URL(address)
    except ValueError as error:
        raise ConfigError(f"not an address: {masked(address)!r}: {type(error).__name__}") from None


def with_client(url: URL, client: str | None) -> URL:
    """With ``client=NAME`` where there are several accounts."""
    return url if client is None else url.update_query(client=client)


def webhook_id_of(upload: Upload) -> str:
    return webhook_id(upload.uid)


def webhook_id(uid: str) -> str:
    """Of the upload with this uid."""
    return f"msg_{uid}"


def retry_after(value: str | None, now: float) -> float:
    """The seconds of a ``Retry-After`` (a number or a date), within reason; 0 without one."""
    if value is None:
        return 0.0
    try:
        pause_s = float(int(value))
    except OverflowError:
        pause_s = _MOST_RETRY_AFTER_S
    except ValueError:
        try:
            date = parsedate_to_datetime(value)
        except ValueError:
            return 0.0
        if date.tzinfo is None:
            date = date.replace(tzinfo=UTC)
        pause_s = (date - datetime.fromtimestamp(now, UTC)).total_seconds()
    return min(max(pause_s, 0.0), _MOST_RETRY_AFTER_S)


async def _read(response: aiohttp.ClientResponse) -> bytes | None:
    """The whole body, so that the connection can be used again; None where it is too large."""
    body = bytearray()
    async for chunk in response.content.iter_chunked(64 * 1024):
        body += chunk
        if len(body) > answer.MOST_BYTES:
            response.close()
            return None
    return bytes(body)


def words(error: Exception) -> str:
    """What happened. Not in the words of errors that repeat the address, which may hold a password or a token."""
    if isinstance(error, aiohttp.InvalidURL | aiohttp.ClientResponseError):
        status = getattr(error, "status", 0)
        return f"{type(error).__name__} (HTTP {status})" if status else type(error).__name__
    if isinstance(error, aiohttp.ClientConnectorError) and not isinstance(
        error, aiohttp.ClientSSLError
    ):
        return f"cannot connect to {error.host}:{error.port}: {_cause(error)}"
    if isinstance(error, aiohttp.ServerDisconnectedError):
        return "the connection was closed without an answer"
    said = str(error) or ("timed out" if isinstance(error, asyncio.TimeoutError) else "")
    return f"{type(error).__name__}: {said}" if said else type(error).__name__


def _cause(error: aiohttp.ClientConnectorError) -> str:
    if isinstance(error, aiohttp.ClientConnectorDNSError):
        return "its name is not known (DNS)"
    number = error.os_error.errno
    return os.strerror(number).lower() if number else str(error.os_error)
