"""The digits that a phone shows at some logins, on their way from a caller to the login that needs them.
``ILinkTransport.verify_code`` hands them in; ``LoginFlow`` waits for them.
"""

import asyncio
import re

from openwx.errors import CallerError, Code, Unreachable
from openwx.transports.base import no_code_wanted

_DIGITS = re.compile(r"\d{1,12}", re.ASCII)

_HandedIn = tuple[str, asyncio.Future[bool]]
"""Digits, and the verdict on them that their caller waits for."""


class Digits:
    """``hand_in`` is called by whoever reads the phone, the rest by the login."""

    def __init__(self, within_s: float) -> None:
        self._within_s = within_s
        self._handed_in: asyncio.Queue[_HandedIn] = asyncio.Queue()
        self._verdict: asyncio.Future[bool] | None = None
        """That on the digits which the login has taken."""
        self._one_by_one = asyncio.Lock()
        self.wanted = False

    async def hand_in(self, code: str) -> bool:
        """Hand in digits, and return whether the service says that they are right.

        Raises ``CallerError``: none are wanted (101), or these are no digits (-2). Raises ``Unreachable`` without a
        verdict in time.
        """
        async with self._one_by_one:
            if not self.wanted:
                raise no_code_wanted()
            if not _DIGITS.fullmatch(code.strip()):
                raise CallerError(
                    Code.BAD_PARAMETER, "code must be the digits that the phone shows"
                )
            verdict: asyncio.Future[bool] = asyncio.get_running_loop().create_future()
            self._handed_in.put_nowait((code.strip(), verdict))
            try:
                async with asyncio.timeout(self._within_s):
                    return await verdict
            except TimeoutError:
                words = f"no verdict on the digits within {self._within_s:.0f} seconds"
                raise Unreachable("get_qrcode_status", words) from None

    def ask(self) -> None:
        """Want digits, until ``judge`` or ``withdraw``."""
        self.wanted = True

    async def next(self) -> str:
        """Wait for digits whose caller waits for the verdict."""
        while True:
            digits, self._verdict = await self._handed_in.get()
            if not self._verdict.done():
                return digits

    def judge(self, *, right: bool) -> None:
        """Tell the caller what the service said. Wrong digits may be handed in again."""
        self.wanted = not right
        if self._verdict is not None and not self._verdict.done():
            self._verdict.set_result(right)

    def withdraw(self) -> None:
        """Want no digits any more: this login code is over."""
        self.wanted = False
        verdicts = [self._verdict] if self._verdict is not None else []
        while not self._handed_in.empty():
            verdicts.append(self._handed_in.get_nowait()[1])
        for verdict in verdicts:
            if not verdict.done():
                error = CallerError(
                    Code.NOT_POSSIBLE, "the QR code is over meanwhile: scan the new one first"
                )
                verdict.set_exception(error)
