"""The size of a picture, from the beginning of its file."""

import io
import struct

import png
import pytest

from openwx.console.pictures import HIGHEST, UNKNOWN, WIDEST, fitted, size_of
from openwx.simulator.media import GIF, JPEG, PNG


def a_png(width: int, height: int) -> bytes:
    file = io.BytesIO()
    png.from_array([[0] * width] * height, "L").write(file)
    return file.getvalue()


def a_jpeg(width: int, height: int, orientation: int = 0, order: str = "<") -> bytes:
    """Make the segments before a picture's own data."""
    exif = b""
    if orientation:
        mark = b"II" if order == "<" else b"MM"
        tag = struct.pack(f"{order}HHIHH", 0x0112, 3, 1, orientation, 0)
        tiff = mark + struct.pack(f"{order}HIH", 42, 8, 1) + tag + bytes(4)
        exif = b"\xff\xe1" + struct.pack(">H", 8 + len(tiff)) + b"Exif\0\0" + tiff
    frame = b"\xff\xc2" + struct.pack(">HBHHB", 11, 8, height, width, 1) + bytes(3)
    return b"\xff\xd8" + exif + frame


def a_webp(kind: bytes, rest: bytes) -> bytes:
    return b"RIFF\0\0\0\0WEBP" + kind + rest


@pytest.mark.parametrize(
    ("data", "size"),
    [
        (a_png(3, 5), (3, 5)),
        (a_jpeg(1200, 800), (1200, 800)),
        (a_jpeg(1200, 800, 1), (1200, 800)),
        (a_jpeg(1200, 800, 6), (800, 1200)),
        (a_jpeg(1200, 800, 8, ">"), (800, 1200)),
        (b"GIF89a" + struct.pack("<HH", 7, 9), (7, 9)),
        (a_webp(b"VP8X", bytes(8) + b"\x1f\x03\x00\x57\x02\x00"), (800, 600)),
        (a_webp(b"VP8 ", bytes(4 + 6) + struct.pack("<HH", 800, 600)), (800, 600)),
        (a_webp(b"VP8L", bytes(4) + b"\x2f" + struct.pack("<I", 799 | 599 << 14)), (800, 600)),
    ],
)
def test_the_size(data: bytes, size: tuple[int, int]) -> None:
    assert size_of(data) == size


@pytest.mark.parametrize("data", [JPEG, PNG, GIF])
def test_the_pictures_of_the_simulator(data: bytes) -> None:
    assert size_of(data) is not None


@pytest.mark.parametrize("whole", [a_png(3, 5), a_jpeg(9, 9, 6), JPEG, a_webp(b"VP8X", bytes(14))])
def test_what_ends_early_has_no_size_or_its_own(whole: bytes) -> None:
    for length in range(len(whole)):
        assert size_of(whole[:length]) in (None, size_of(whole))


def test_a_size_of_nothing_is_none() -> None:
    assert size_of(b"GIF89a" + bytes(4)) is None


@pytest.mark.parametrize("size", [(10_000, 10_000), (4000, 10), (10, 4000), (30, 30)])
def test_it_fits_into_a_bubble(size: tuple[int, int]) -> None:
    width, height = fitted(size)
    assert 0 < width <= WIDEST
    assert 0 < height <= HIGHEST
    assert fitted((30, 30)) == (30, 30)
    assert fitted(None) == UNKNOWN
