"""The login QR code: as an image, and for a terminal. A resumed login needs none, nor the time to import how.
``Account`` and ``EventRecorder`` use it.
"""

import asyncio
import base64
import io
import logging
import os
from pathlib import Path

from openwx.safetext import Picture

log = logging.getLogger("openwx.account")

_BLOCKS = {(False, False): " ", (True, False): "▀", (False, True): "▄", (True, True): "█"}


class LoginQRCode:
    """The code that is to be scanned now: in the terminal, as a file, and for the API and the console."""

    def __init__(self, account: str, data_dir: Path, *, colour: bool) -> None:
        self.png: bytes | None = None
        self._account = account
        self._path = path(data_dir, account)
        self._colour = colour

    async def show(self, link: str) -> tuple[str, str]:
        """Show a code in the terminal and write its file. Its path, and the image in base64."""
        png, picture = await asyncio.to_thread(draw, link, colour=self._colour)
        self.png = png
        try:
            await asyncio.to_thread(keep, self._path, png)
        except OSError as error:
            words = "%s: the QR code cannot be written to %s: %s"
            log.warning(words, self._account, self._path, error)
        words = "%s: scan this QR code with WeChat on your phone (also at %s):\n%s"
        log.info(words, self._account, self._path, Picture(picture))
        return str(self._path), base64.encodebytes(png).decode("ascii")

    def clear(self) -> None:
        """Forget the code: it was scanned, or is of no use any more."""
        self.png = None


def path(data_dir: Path, account: str) -> Path:
    """Return the file of the account's latest QR code. It stays there after the login."""
    return data_dir / f"qrcode-{account}.png"


def keep(file: Path, image: bytes) -> None:
    """Write it, readable for its owner only: another person's phone would log in another account. Blocks.

    Raises ``OSError``.
    """
    new = file.with_name(file.name + ".new")
    new.unlink(missing_ok=True)
    with os.fdopen(os.open(new, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as opened:
        opened.write(image)
    new.replace(file)


def draw(link: str, *, colour: bool) -> tuple[bytes, str]:
    """Draw a code as PNG, and for a terminal with two modules a character, so that it is square.

    With ``colour``, black on white whatever the terminal's colours are; without, light blocks on the dark
    ground that most terminals have. Takes some milliseconds: blocks.
    """
    import qrcode

    code = qrcode.QRCode(border=4)
    code.add_data(link)
    rows: list[list[bool]] = code.get_matrix()
    return _as_png(rows), _in_blocks([row[2:-2] for row in rows[2:-2]], colour=colour)


def _as_png(rows: list[list[bool]]) -> bytes:
    """Draw each module eight pixels wide and high: one byte of a row in black and white."""
    import png

    lines = [bytes(0 if dark else 0xFF for dark in row) for row in rows]
    file = io.BytesIO()
    writer = png.Writer(8 * len(lines[0]), 8 * len(lines), greyscale=True, bitdepth=1)
    writer.write_packed(file, (line for line in lines for _ in range(8)))
    return file.getvalue()


def _in_blocks(rows: list[list[bool]], *, colour: bool) -> str:
    if len(rows) % 2:
        rows.append([False] * len(rows[0]))
    lines = []
    for upper, lower in zip(rows[::2], rows[1::2], strict=True):
        pairs = zip(upper, lower, strict=True)
        if colour:
            lines.append("\x1b[30;107m" + "".join(_BLOCKS[pair] for pair in pairs) + "\x1b[0m")
        else:
            lines.append("".join(_BLOCKS[not above, not below] for above, below in pairs))
    return "\n".join(lines)
