"""Voices as WAV, where the extra ``silk`` is installed."""

import base64
import io
import math
import random
import resource
import struct
import sys
import wave
from importlib import import_module
from pathlib import Path
from typing import Any

import pytest

from openwx.domain.messages import MediaMessage
from openwx.transports.ilink import silk, silk_decoder
from tests.patience import PATIENCE_S

from .fake import Fake, encrypt
from .running import Case

KEY = bytes(16)


@pytest.fixture
def voice() -> bytes:
    """Encode half a second of a tone as phones do."""
    pytest.importorskip("pysilk", reason="the extra silk is not installed")
    pcm = b"".join(struct.pack("<h", int(8000 * math.sin(n / 20))) for n in range(12_000))
    out = io.BytesIO()
    import_module("pysilk").encode(io.BytesIO(pcm), out, 24_000, 24_000)
    return out.getvalue()


async def received(case: Case, fake: Fake, data: bytes) -> bytes:
    fake.files["p"] = encrypt(data, KEY)
    media = {"encrypt_query_param": "p", "aes_key": base64.b64encode(KEY).decode()}
    got = b""

    async def take(piece: bytes) -> None:
        nonlocal got
        got += piece

    async with case.logged_in() as (transport, bot):
        await fake.writes(bot, item_list=[{"type": 3, "voice_item": {"media": media}}])
        (message,) = await case.inbox.gets(1)
        assert isinstance(message, MediaMessage)
        await transport.download(message.ref, take)
    return got


async def test_a_voice_arrives_as_wav(case: Case, fake: Fake, voice: bytes) -> None:
    with wave.open(io.BytesIO(await received(case, fake, voice))) as file:
        assert (file.getnchannels(), file.getsampwidth(), file.getframerate()) == (1, 2, 24_000)
        assert file.getnframes() == 12_000
        samples = struct.unpack("<12000h", file.readframes(12_000))
        assert 4000 < max(samples) < 12_000


async def test_a_voice_arrives_as_it_came_without_a_decoder(
    case: Case, fake: Fake, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(silk, "is_installed", lambda: False)
    assert await received(case, fake, b"\x02#!SILK_V3 and more") == b"\x02#!SILK_V3 and more"


@pytest.mark.parametrize(
    "data", [b"#!AMR\n12345", b"x", b"\x02#!SILK_V3", b"\x02#!SILK_V3\xff\x7fabc"]
)
async def test_what_cannot_be_decoded_arrives_as_it_came(
    case: Case, fake: Fake, data: bytes, voice: bytes
) -> None:
    assert await received(case, fake, data) == data


async def test_a_voice_that_is_too_large_passes(
    case: Case, fake: Fake, voice: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(silk, "LARGEST", 1000)
    assert await received(case, fake, voice + bytes(200_000)) == voice + bytes(200_000)


async def test_a_decoder_that_hangs_is_killed(
    voice: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(silk, "WITHIN_S", 0.01)
    assert await silk.Voices().decoded(voice) == voice


async def test_no_process_for_the_decoder(voice: bytes, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "executable", "/nonexistent")
    assert await silk.Voices().decoded(voice) == voice


async def test_a_broken_voice_breaks_nothing(voice: bytes) -> None:
    draw = random.Random(17)
    voices = silk.Voices()
    for _ in range(4):
        broken = bytearray(voice)
        for _ in range(20):
            broken[draw.randrange(12, len(broken))] = draw.randrange(256)
        made = await voices.decoded(bytes(broken))
        assert made == broken or made.startswith(b"RIFF")


def test_samples_are_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    class Endless:
        @staticmethod
        def decode(_: Any, out: Any, __: int) -> None:
            while True:
                out.write(bytes(1_000_000))

    class Silent:
        @staticmethod
        def decode(_: Any, out: Any, __: int) -> None:
            """Write nothing."""

    monkeypatch.setattr(silk_decoder, "LARGEST_WAV", 3_000_000)
    for decoder in (Endless, Silent):
        monkeypatch.setitem(sys.modules, "pysilk", decoder)
        with pytest.raises(ValueError, match="samples"):
            silk_decoder.wav_of(b"")


WRITES = "sys.stdout.buffer.write(bytes(65536))"


@pytest.mark.parametrize(
    ("first", "then", "within_s"),
    [("sys.stdin.buffer.read()", WRITES, PATIENCE_S), ("", WRITES, PATIENCE_S), ("", "time.sleep(9)", 0.5)],
    ids=["read and write", "write", "stop"],
)  # fmt: skip
async def test_a_decoder_that_never_ends_costs_little(
    first: str, then: str, within_s: float, tmp_path: Path, monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:  # fmt: skip
    """A voice that takes hold of the decoder can have it write for ever, or read nothing."""
    program = tmp_path / "decoder.py"
    program.write_text(f"import sys, time\n{first}\nwhile True:\n    {then}\n")
    monkeypatch.setattr(silk, "_DECODER", str(program))
    monkeypatch.setattr(silk, "WITHIN_S", within_s)
    monkeypatch.setattr(silk, "LARGEST_WAV", 1024 * 1024)
    voice = b"\x02#!SILK_V3" + bytes(1_000_000)
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    assert await silk.Voices().decoded(voice) == voice
    assert ("within" in caplog.text) is (then != WRITES), "what is too large ends at once"
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 50_000
