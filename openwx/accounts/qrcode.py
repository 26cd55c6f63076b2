"""The login QR code: as an image, and for a terminal. Who resumes a login needs none, nor the time to import how."""

import io
import os
from pathlib import Path

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


def png(link: str) -> bytes:
    import qrcode
    from qrcode.image.pure import PyPNGImage

    image = qrcode.make(link, image_factory=PyPNGImage, box_size=8, border=4)
    file = io.BytesIO()
    image.save(file)
    return file.getvalue()


def terminal(link: str, *, colour: bool) -> str:
    """Two modules a character, so that it is square.

    With ``colour``, black on white whatever the terminal's colours are; without, light blocks on the dark
    ground that most terminals have.
    """
    import qrcode

    code = qrcode.QRCode(border=2)
    code.add_data(link)
    code.make(fit=True)
    rows: list[list[bool]] = code.get_matrix()
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
