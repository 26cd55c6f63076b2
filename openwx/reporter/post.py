"""One POST to ``post_api``, and what came of it. Every foreign exception ends here."""

import asyncio
import io
import logging
import math
import time
from collections.abc import AsyncIterator, Callable

import aiohttp
import msgspec
from yarl import URL

from openwx import metrics
from openwx.config import ReportSettings
from openwx.config.addresses import masked
from openwx.errors import ConfigError
from openwx.reporter import answer, redirects, signing, tls
from openwx.reporter import attachment as attached
from openwx.reporter.numbers import with_numbers
from openwx.reporter.outcome import Accepted, NoAnswer, Outcome, Refused, Silent, retry_after, words
from openwx.store.records import Report

log = logging.getLogger("openwx.report")

_NOT_NOW = frozenset({408, 429, 502, 503, 504})
_TO_CONNECT = 0.8
"""Of the time for an upload so much may go by until there is a connection: beyond that nobody is there."""
_COMPLAINS_EVERY_S = 3600.0
_LARGE = 1024 * 1024
"""From here on aiohttp wants a stream rather than bytes."""


class _Moved(msgspec.Struct, frozen=True):
    """A redirect that may be followed."""

    status: int
    location: str


class Poster:
    """Where and how one account posts. Raises ``ConfigError`` where the settings cannot work."""

    def __init__(
        self,
        account: str,
        post_api: str,
        settings: ReportSettings,
        http: aiohttp.ClientSession,
        *,
        url_client: Callable[[], str | None],
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._account = account
        self._url = url_for(post_api)
        self._url_client = url_client
        self._http = http
        self._timeout = aiohttp.ClientTimeout(
            total=settings.timeout, connect=settings.timeout * _TO_CONNECT
        )
        self._tls = tls.trusted(settings)
        self._key = signing.key_of(settings.secret) if settings.secret else None
        self._numbers = settings.numbers
        # With one try, none may be lost to a connection that the backend is just closing.
        self._more_headers = {"Connection": "close"} if settings.tries == 1 else {}
        self._clock = clock
        self._complained_at = -math.inf

    async def post(self, upload: Report) -> Outcome:
        """POST it, and again where a redirect leads on the same host."""
        url = with_client(self._url, self._url_client())
        moves = 0
        while isinstance(outcome := await self._post(url, upload), _Moved):
            moves += 1
            target = redirects.next_url(url, outcome.location)
            if isinstance(target, URL) and moves > redirects.MOST:
                target = f"once more, after {redirects.MOST} redirects"
            if not isinstance(target, URL):
                where = f"HTTP {outcome.status} {target}, which is not followed"
                return Refused(outcome.status, f"{where}: {redirects.shown(outcome.location)}")
            url = with_client(target, self._url_client())
        return outcome

    async def _post(self, url: URL, upload: Report) -> Outcome | _Moved:
        data, headers = await self._content(upload)
        try:
            async with self._http.post(
                url,
                data=data,
                headers={**headers, **self._more_headers},
                allow_redirects=False,
                timeout=self._timeout,
                ssl=self._tls,
            ) as response:
                return await self._judge(response, upload)
        except aiohttp.ConnectionTimeoutError:
            return NoAnswer(f"no connection within {self._timeout.connect:g} s", down=True)
        except (aiohttp.ClientConnectorError, aiohttp.InvalidURL, UnicodeError) as error:
            return NoAnswer(words(error), down=True)
        except TimeoutError:
            return Silent(f"no answer within {self._timeout.total:g} s")
        except (aiohttp.ClientError, OSError) as error:
            return Silent(words(error))

    async def _content(
        self, upload: Report
    ) -> tuple[bytes | io.BytesIO | AsyncIterator[bytes], dict[str, str]]:
        """What is posted, and its headers; the attachment is read from its file, once to sign and once to send."""
        body, attachment = upload.body, upload.attachment
        if self._numbers:
            body = with_numbers(body)
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

    async def _judge(self, response: aiohttp.ClientResponse, upload: Report) -> Outcome | _Moved:
        status = response.status
        if status in _NOT_NOW:
            pause_s = retry_after(response.headers.get("Retry-After"), self._clock())
            asked = pause_s > 0 and status in (429, 503)
            return NoAnswer(
                f"HTTP {status}", status, down=asked, retry_after_s=pause_s if asked else 0.0
            )
        location = response.headers.get("Location", "")
        if status in redirects.FOLLOWED and location:
            return _Moved(status, location)
        if not 200 <= status < 300:
            leads = f" to {redirects.shown(location)}, which is not followed" if location else ""
            return Refused(status, f"HTTP {status}{leads if status < 400 else ''}")
        try:
            body = await _read(response)
        except (aiohttp.ClientError, OSError) as error:  # TimeoutError is an OSError
            return Accepted(status, lost=words(error) if upload.reply_to else "")
        if body is None:
            if upload.reply_to and answer.is_json(response.content_type):
                too_large = f"the answer is ignored: it is larger than {answer.MOST_BYTES} bytes"
                self._complain(upload, answer.Complaint(too_large))
            return Accepted(status)
        found, complaints = answer.read(
            body, response.content_type, response.charset, may_reply=bool(upload.reply_to)
        )
        for complaint in complaints:
            self._complain(upload, complaint)
        return Accepted(status, found)

    def _complain(self, upload: Report, complaint: answer.Complaint) -> None:
        """Count it; in the log it is a warning once an hour."""
        level = logging.INFO
        now = time.monotonic()
        if complaint.is_reply and now - self._complained_at >= _COMPLAINS_EVERY_S:
            self._complained_at = now
            level = logging.WARNING
        told = (self._account, webhook_id_of(upload), complaint.words)
        metrics.dropped(log, "reply", "%s: %s: %s", *told, level=level)


def url_for(address: str) -> URL:
    """A configured address."""
    try:
        return URL(address)
    except ValueError as error:
        raise ConfigError(f"not an address: {masked(address)!r}: {type(error).__name__}") from None


def with_client(url: URL, client: str | None) -> URL:
    """With ``client=NAME`` where there are several accounts."""
    return url if client is None else url.update_query(client=client)


def webhook_id_of(upload: Report) -> str:
    return webhook_id(upload.uid)


def webhook_id(uid: str) -> str:
    """Of the upload with this uid."""
    return f"msg_{uid}"


async def _read(response: aiohttp.ClientResponse) -> bytes | None:
    """The whole body, so that the connection can be used again; None where it is too large."""
    body = bytearray()
    async for chunk in response.content.iter_chunked(64 * 1024):
        body += chunk
        if len(body) > answer.MOST_BYTES:
            response.close()
            return None
    return bytes(body)
