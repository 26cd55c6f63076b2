"""Types by content; the name decides only where content does not."""

import io
import mimetypes
import zipfile

import pytest

from openwx.accounts.media import types
from openwx.accounts.media.types import completed, extension_of, mime_of
from openwx.domain.media import sendable_kind
from openwx.simulator.media import GIF, JPEG, MP3, MP4, PNG, bytes_of


def _zip(*names: str) -> bytes:
    data = io.BytesIO()
    with zipfile.ZipFile(data, "w") as file:
        for name in names:
            file.writestr(name, "x" * 60)
    return data.getvalue()


M4V = b"\0\0\0\x20ftypM4V \0\0\0\1M4V M4A mp42isom" + bytes(40)
MOV = b"\0\0\0\x14ftypqt  \0\0\0\0qt  " + bytes(40)
PDF = b"%PDF-1.4\n" + bytes(100)
OLE = bytes.fromhex("d0cf11e0a1b11ae1") + bytes(600)
NOISE = bytes_of(4000)
DOCX = _zip("[Content_Types].xml", "_rels/.rels", "word/document.xml")
WORD = "application/vnd.openxmlformats-officedocument.wordprocessingml.document"

TYPES = [
    # content, name, kind, type, extension
    (b"hello", "hello.png", "file", "text/plain", "txt"),
    (b"hello", "hello.mp4", "file", "text/plain", "txt"),
    (b"hello", "hello.gif", "file", "text/plain", "txt"),
    (b"hello", "hello.pdf", "file", "text/plain", "txt"),
    (b"hello", "hello.docx", "file", "text/plain", "txt"),
    (NOISE, "noise.png", "file", "application/octet-stream", "bin"),
    (NOISE, "noise.mp4", "file", "application/octet-stream", "bin"),
    (NOISE, "noise.pdf", "file", "application/octet-stream", "bin"),
    (NOISE, "noise.db", "file", "application/octet-stream", "db"),
    (NOISE, "报告 1.2", "file", "application/octet-stream", "bin"),
    (PNG, "a.jpg", "image", "image/png", "png"),
    (PNG, "a", "image", "image/png", "png"),
    (JPEG, "a.jpeg", "image", "image/jpeg", "jpeg"),
    (JPEG, "a.TXT", "image", "image/jpeg", "jpg"),
    (GIF, "a.png", "emoticon", "image/gif", "gif"),
    (MP4, "a.bin", "video", "video/mp4", "mp4"),
    (M4V, "a.mp4", "video", "video/x-m4v", "m4v"),
    (M4V, "", "video", "video/x-m4v", "m4v"),
    (MOV, "a.mp4", "file", "video/quicktime", "mov"),
    (MP3, "a.wav", "file", "audio/mpeg", "mp3"),
    (PDF, "年度报告 v1.2", "file", "application/pdf", "pdf"),
    (PDF, "年度报告.final", "file", "application/pdf", "pdf"),
    (PDF, "a.txt", "file", "application/pdf", "pdf"),
    (b"2026-01-01 started\n", "a.log", "file", "text/plain", "log"),
    (b'{"level":"info"}\n', "a.log", "file", "application/json", "log"),
    (b"<html><body>x</body></html>", "a.md", "file", "text/html", "md"),
    (b"a: 1\nb: 2\n", "a.yaml", "file", None, "yaml"),
    (b"# title\n\n- x\n", "a.md", "file", "text/markdown", "md"),
    (b"a,b\n1,2\n", "a.csv", "file", "text/csv", "csv"),
    (b"#!/bin/sh\necho\n", "报告 & <1>.txt", "file", "text/x-shellscript", "txt"),
    (b"A=1\n", ".env", "file", "text/plain", "txt"),
    ("中文".encode("gbk"), "a.txt", "file", "text/plain", "txt"),
    (_zip("a.txt"), "a.zip", "file", "application/zip", "zip"),
    (_zip("a.txt"), "a.png", "file", "application/zip", "zip"),
    (_zip("a.txt"), "a.xlsx", "file", None, "xlsx"),
    (_zip("AndroidManifest.xml"), "a.apk", "file", None, "apk"),
    (_zip("META-INF/MANIFEST.MF"), "a.jar", "file", None, "jar"),
    (_zip("content.json"), "a.xmind", "file", "application/zip", "xmind"),
    (DOCX, "a", "file", WORD, "docx"),
    (DOCX, "a.zip", "file", WORD, "docx"),
    (OLE, "a.doc", "file", "application/msword", "doc"),
    (OLE, "a.xls", "file", "application/vnd.ms-excel", "xls"),
    (OLE, "a.et", "file", None, "et"),
    (b"MZ" + bytes(200), "setup.exe", "file", None, "exe"),
    (b"MZ" + bytes(200), "setup.jpg", "file", None, "bin"),
]


@pytest.mark.parametrize(("data", "name", "kind", "mime", "ext"), TYPES)
async def test_types(data: bytes, name: str, kind: str, mime: str | None, ext: str) -> None:
    found = await mime_of(data, name)
    assert mime is None or found == mime
    assert extension_of(found, name) == ext
    assert sendable_kind(found, len(data)) == kind


@pytest.mark.parametrize(("data", "name", "kind", "mime", "ext"), TYPES)
async def test_types_where_the_system_has_no_table(
    monkeypatch: pytest.MonkeyPatch, data: bytes, name: str, kind: str, mime: str | None, ext: str
) -> None:
    """As in small containers."""
    monkeypatch.setattr(mimetypes, "knownfiles", [])
    monkeypatch.setattr(types, "_types_of_extensions", types._types())
    await test_types(data, name, kind, mime, ext)


@pytest.mark.parametrize(
    ("name", "mime", "whole"),
    [
        ("年度报告 v1.2", "application/pdf", "年度报告 v1.2.pdf"),
        ("年度报告", "application/pdf", "年度报告.pdf"),
        ("logo", "image/png", "logo.png"),
        ("a.b.qq", "image/png", "a.b.qq.png"),
        ("a.7z", "application/x-7z-compressed", "a.7z"),
        ("a.rar", "application/x-rar", "a.rar"),
        ("a.docx", WORD, "a.docx"),
        ("hello.png", "text/plain", "hello.png"),
        ("a.txt", "application/pdf", "a.txt"),
        ("a.tar.gz", "application/gzip", "a.tar.gz"),
        ("a.xmind", "application/zip", "a.xmind"),
        (".env", "text/plain", ".env"),
        ("Makefile", "text/plain", "Makefile"),
        ("README", "text/x-shellscript", "README"),
        ("data", "application/octet-stream", "data"),
        ("说明 v1.2", "text/plain", "说明 v1.2"),
    ],
)
def test_a_name_gets_an_extension_where_content_decides_it(
    name: str, mime: str, whole: str
) -> None:
    assert completed(name, mime) == whole


@pytest.mark.parametrize("name", ["", ".", "..", "a.", ".a", "a.é", "a.x y", "a." + "x" * 11])
def test_no_extension_is_taken_from_what_is_none(name: str) -> None:
    assert extension_of("text/plain", name) == "txt"
    assert extension_of("application/octet-stream", name) == "bin"
