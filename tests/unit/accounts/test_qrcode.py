"""The QR code of a login shows one and the same code in both of its forms."""

import io

import png
import pytest
import qrcode
from qrcode.image.pure import PyPNGImage

from openwx.accounts.qrcode import draw

LINKS = [
    "x",
    "https://login.weixin.qq.com/l/IYz3Zr0uMw==",
    "https://login.weixin.qq.com/l/" + "x" * 90,
]


def pixels(picture: bytes) -> list[list[int]]:
    return [list(row) for row in png.Reader(bytes=picture).asDirect()[2]]


@pytest.mark.parametrize("link", LINKS)
def test_the_picture_is_the_librarys(link: str) -> None:
    file = io.BytesIO()
    qrcode.make(link, image_factory=PyPNGImage, box_size=8, border=4).save(file)
    assert pixels(draw(link, colour=False)[0]) == pixels(file.getvalue())


@pytest.mark.parametrize("colour", [True, False])
@pytest.mark.parametrize("link", LINKS)
def test_the_terminal_shows_the_same_code(link: str, colour: bool) -> None:
    lines = [
        line.removeprefix("\x1b[30;107m").removesuffix("\x1b[0m")
        for line in draw(link, colour=colour)[1].splitlines()
    ]
    upper_then_lower = ("▀█", "▄█")
    rows = [
        [(block in full) is colour for block in line] for line in lines for full in upper_then_lower
    ]
    library = qrcode.QRCode(border=0)
    library.add_data(link)
    code = library.get_matrix()
    light = [False] * (len(code) + 4)
    bordered = [light] * 2 + [[False] * 2 + row + [False] * 2 for row in code] + [light] * 2
    assert rows[: len(bordered)] == bordered
    assert not any(map(any, rows[len(bordered) :]))
