"""One POST to a target and its result. Foreign exceptions do not leave this module. ``Reporter`` calls it."""

import asyncio
import io
import logging
import time
from collections.abc import AsyncIterator, Callable, Mapping
from functools import partial

import aiohttp
import msgspec
from yarl import URL

from openwx import mediatype, metrics
from openwx.coded import Coded
from openwx.config import Target
from openwx.config.addresses import masked
from openwx.errors import ConfigError
from openwx.lease import Gate, always_open
from openwx.reporter import answer, delivery_error, redirects, signing, tls
from openwx.reporter import attachment as attached
from openwx.reporter.delivery_error import DeliveryErrorCode
from openwx.reporter.numbers import with_numbers
from openwx.reporter.post_result import (
    Accepted,
    PostResult,
    Refused,
    Silent,
    Unavailable,
    retry_after,
)
from openwx.store.records import PublishedReport, Report
from openwx.throttle import Throttle
from openwx.transports.sessions import HeldBackError
from openwx.urls import parsed

log = logging.getLogger("openwx.report")

_NOT_NOW = frozenset({408, 429, 502, 503, 504})
_TO_CONNECT = 0.8
"""The part of the time-out in which a connection must be made; beyond that the backend is unavailable."""
_READ_AT_ONCE = 64 * 1024
"""Bytes of an answer that are read in the event loop; more is read in a thread."""
_WARN_EVERY_S = 3600.0
_LARGE = 1024 * 1024
"""The size from which on aiohttp wants a stream rather than bytes."""


class _Moved(msgspec.Struct, frozen=True):
    """A redirect that may be followed."""

    http_status: int
    location: str


class Poster:
    """Posts for one account. Raises ``ConfigError`` if its settings cannot work."""

    def __init__(
        self,
        account: str,
        target: Target,
        http: aiohttp.ClientSession,
        *,
        url_client: Callable[[], str | None],
        clock: Callable[[], float] = time.time,
        gate: Gate | None = None,
    ) -> None:
        """``gate`` is passed before each request; None is one that is always open. ``http`` may pass it once more when
        there is a connection, which can take long."""
        self._name = account if target.is_post_api else f"{account}: {target.name}"
        self._headers = target.headers
        self._url = address_of(target)
        self._url_client = url_client
        self._http = http
        self._gate = gate or always_open()
        self._timeout = aiohttp.ClientTimeout(
            total=target.timeout, connect=target.timeout * _TO_CONNECT
        )
        self._tls = tls.trusted(target.ca, verify=target.verify)
        self._key = signing.key_of(target.secret) if target.secret else None
        self._numbers = target.numbers
        self._may_reply = target.may_reply
        # The only try must not be lost to a connection that the backend is just closing.
        self._more_headers = {"Connection": "close"} if target.tries == 1 else {}
        self._clock = clock
        self._throttle = Throttle(_WARN_EVERY_S)

    async def post(self, report: Report) -> PostResult:
        """Post a report, and again where a redirect leads on the same host. Raise ``LeaseLost``."""
        url = with_client(self._url, self._url_client())
        moves = 0
        while isinstance(result := await self._post(url, report), _Moved):
            moves += 1
            target = redirects.next_url(url, result.location)
            if not isinstance(target, URL):
                return Refused(result.http_status, _not_followed(target, result))
            if moves > redirects.MAX_REDIRECTS:
                code = DeliveryErrorCode.REDIRECT_ONCE_MORE
                error = _not_followed(code, result, most=redirects.MAX_REDIRECTS)
                return Refused(result.http_status, error)
            url = with_client(target, self._url_client())
        return result

    async def _post(self, url: URL, report: Report) -> PostResult | _Moved:
        while True:
            try:
                return await self._post_once(url, report)
            except HeldBackError:
                continue  # the next one waits for the lease

    async def _post_once(self, url: URL, report: Report) -> PostResult | _Moved:
        """Post a report. Raise ``HeldBackError`` where the lease ended before anything was sent."""
        data, headers = await self._permitted(report)
        try:
            async with self._http.post(
                url,
                data=data,
                headers={**self._own_headers(url), **headers, **self._more_headers},
                allow_redirects=False,
                timeout=self._timeout,
                ssl=self._tls,
            ) as response:
                return await self._judge(response, report)
        except HeldBackError:
            raise
        except aiohttp.ConnectionTimeoutError:
            seconds = f"{self._timeout.connect:g}"
            error = delivery_error.made(DeliveryErrorCode.NOT_CONNECTED_WITHIN, seconds=seconds)
            return Unavailable(error, down=True)
        except (aiohttp.ClientConnectorError, aiohttp.InvalidURL, UnicodeError) as trouble:
            return Unavailable(delivery_error.of_network(trouble), down=True)
        except TimeoutError:
            seconds = f"{self._timeout.total:g}"
            return Silent(
                delivery_error.made(DeliveryErrorCode.NOT_ANSWERED_WITHIN, seconds=seconds)
            )
        except (aiohttp.ClientError, OSError) as trouble:
            return Silent(delivery_error.of_network(trouble))

    async def _permitted(
        self, report: Report
    ) -> tuple[bytes | io.BytesIO | AsyncIterator[bytes], dict[str, str]]:
        """Return ``_content`` when it may be posted: the time in its signature is that of the request."""
        while True:
            await self._gate.passed()
            content = await self._content(report)
            if self._gate.is_open:
                return content

    def _own_headers(self, url: URL) -> Mapping[str, str]:
        """Return the configured headers: only for the place they are for, not another port that it redirects to."""
        return self._headers if redirects.is_same_place(self._url, url) else {}

    async def _content(
        self, report: Report
    ) -> tuple[bytes | io.BytesIO | AsyncIterator[bytes], dict[str, str]]:
        """Return the body and its headers. An attachment is read from its file twice: to sign it, and to send it."""
        body, attachment = report.body, report.attachment
        if self._numbers:
            body = with_numbers(body)
        sign = signing.Signer(webhook_id_of(report), int(self._clock()), self._key)
        if attachment:
            try:
                length = await asyncio.to_thread(sign.update, attached.pieces(body, attachment))
            except OSError as error:
                without = "%s: media_data is left out: %s"
                metrics.dropped(log, "media_data", without, webhook_id_of(report), error)
                sign = signing.Signer(webhook_id_of(report), int(self._clock()), self._key)
            else:
                return attached.stream(body, attachment), {
                    **sign.headers(),
                    "Content-Length": str(length),
                }
        sign.update([body])
        return io.BytesIO(body) if len(body) >= _LARGE else body, sign.headers()

    async def _judge(self, response: aiohttp.ClientResponse, report: Report) -> PostResult | _Moved:
        status = response.status
        if status in _NOT_NOW:
            pause_s = retry_after(response.headers.get("Retry-After"), self._clock())
            asked = pause_s > 0 and status in (429, 503)
            return Unavailable(
                _of_status(status), status, down=asked, retry_after_s=pause_s if asked else 0.0
            )
        location = response.headers.get("Location", "")
        if status in redirects.FOLLOWED and location:
            return _Moved(status, location)
        if not 200 <= status < 300:
            if location and status < 400:
                return Refused(
                    status, _not_followed(DeliveryErrorCode.REDIRECT, _Moved(status, location))
                )
            return Refused(status, _of_status(status))
        may_reply = bool(report.reply_to) and self._may_reply
        try:
            body = await _read(response)
        except (aiohttp.ClientError, OSError) as error:  # TimeoutError is an OSError
            return Accepted(
                status, lost=delivery_error.words_of_network(error) if may_reply else ""
            )
        if not self._may_reply:
            return Accepted(status)
        kind, charset = mediatype.of_headers(response.headers)
        if body is None:
            if may_reply and answer.is_json(kind):
                too_large = f"the answer is ignored: it is larger than {answer.MAX_BYTES} bytes"
                self._complain(report, answer.Complaint(too_large))
            return Accepted(status)
        read = partial(answer.read, body, kind, charset, may_reply=may_reply)
        found, complaints = await asyncio.to_thread(read) if len(body) > _READ_AT_ONCE else read()
        for complaint in complaints:
            self._complain(report, complaint)
        return Accepted(status, found)

    def _complain(self, report: Report, complaint: answer.Complaint) -> None:
        """Count an answer that cannot be used, and log it: as a warning once an hour."""
        is_warning = complaint.is_reply and self._throttle.allows()
        level = logging.WARNING if is_warning else logging.INFO
        values = (self._name, webhook_id_of(report), complaint.words)
        metrics.dropped(log, "reply", "%s: %s: %s", *values, level=level)


def _of_status(status: int) -> Coded:
    return delivery_error.made(DeliveryErrorCode.HTTP_STATUS, status=status)


def _not_followed(code: DeliveryErrorCode, moved: _Moved, **more: int) -> Coded:
    location = redirects.in_words(moved.location)
    return delivery_error.made(code, status=moved.http_status, location=location, **more)


def url_for(address: str) -> URL:
    """Return a configured address as a URL. Raise ``ConfigError``."""
    try:
        return parsed(address)
    except ValueError as error:
        raise ConfigError(f"not an address: {masked(address)!r}: {type(error).__name__}") from None


def address_of(target: Target) -> URL:
    """Return the address of a target; without user and password if a header has the same purpose."""
    url = url_for(target.url)
    has_own = any(name.lower() == "authorization" for name in target.headers)
    return url.with_user(None) if has_own else url


def with_client(url: URL, client: str | None) -> URL:
    """Add ``client=NAME`` if there are several accounts."""
    return url if client is None else url.update_query(client=client)


def webhook_id_of(report: Report | PublishedReport) -> str:
    """Return the ``webhook-id`` of a report."""
    return webhook_id(report.uid)


def webhook_id(uid: str) -> str:
    """Return the ``webhook-id`` of the report with this uid."""
    return f"msg_{uid}"


async def _read(response: aiohttp.ClientResponse) -> bytes | None:
    """Read the whole body, so that the connection can be used again. Return None if it is too large."""
    body = bytearray()
    async for chunk in response.content.iter_chunked(64 * 1024):
        body += chunk
        if len(body) > answer.MAX_BYTES:
            response.close()
            return None
    return bytes(body)
