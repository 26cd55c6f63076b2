"""The login QR code, as an image and for a terminal. A resumed login needs neither, nor the time to import how."""

import io
import os
from pathlib import Path

Modules = list[list[bool]]

_BLOCKS = {(False, False): " ", (True, False): "▀", (False, True): "▄", (True, True): "█"}


def path(data_dir: Path, account: str) -> Path:
    """Where the account's latest QR code is; it stays there after the login."""
    return data_dir / f"qrcode-{account}.png"


def keep(file: Path, image: bytes) -> None:
    """Write it for its owner's eyes alone: somebody else's phone would log in another account. Blocks.

    Raises ``OSError``.
    """
    new = file.with_name(file.name + ".new")
    new.unlink(missing_ok=True)
    with os.fdopen(os.open(new, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as opened:
        opened.write(image)
    new.replace(file)


def modules(link: str) -> Modules:
    """Compute the code's modules, without a border: True is dark. Takes milliseconds: call it once a link."""
    import qrcode

    code = qrcode.QRCode(border=0)
    code.add_data(link)
    matrix: Modules = code.get_matrix()
    return matrix


def png(code: Modules) -> bytes:
    """Draw it with the border that scanners want, of four modules. A module is a byte: eight pixels of one bit each."""
    import png

    light = b"\xff"
    side = len(code) + 2 * 4
    rows = [bytes(0 if dark else 255 for dark in row).join((light * 4, light * 4)) for row in code]
    rows = [light * side] * 4 + rows + [light * side] * 4
    file = io.BytesIO()
    writer = png.Writer(side * 8, side * 8, greyscale=True, bitdepth=1)
    writer.write_packed(file, (row for row in rows for _ in range(8)))
    return file.getvalue()


def terminal(code: Modules, *, colour: bool) -> str:
    """Draw it with two modules a character, so that it is square, and a border of two modules.

    With ``colour``, black on white whatever the terminal's colours are; without, light blocks on the dark
    ground that most terminals have.
    """
    side = len(code) + 2 * 2
    blank = [False] * side
    rows = [blank, blank, *([False, False, *row, False, False] for row in code), blank, blank]
    if side % 2:
        rows.append(blank)
    lines = []
    for upper, lower in zip(rows[::2], rows[1::2], strict=True):
        pairs = zip(upper, lower, strict=True)
        if colour:
            lines.append("\x1b[30;107m" + "".join(_BLOCKS[pair] for pair in pairs) + "\x1b[0m")
        else:
            lines.append("".join(_BLOCKS[not above, not below] for above, below in pairs))
    return "\n".join(lines)
