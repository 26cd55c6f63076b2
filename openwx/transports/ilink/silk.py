"""Makes WAV of received voices, which are SILK, where the extra ``silk`` is installed. ``Transfer`` calls it.

The decoder is written in C, and the bytes come from strangers: it runs in a process of its own (``silk_decoder``) with
bounded time, memory and sizes, so that whatever happens to it, the voice arrives as it came.
"""

import asyncio
import contextlib
import importlib.util
import logging
import sys
from pathlib import Path

log = logging.getLogger("openwx.media")

LARGEST = 4 * 1024 * 1024
"""Size of the largest voice that is decoded, in bytes; a minute has some 150 KB."""
WITHIN_S = 30.0
"""How long the decoder may take, in seconds; a minute of voice takes a quarter of one."""
AT_ONCE = 2
LARGEST_WAV = 64 * 1024 * 1024 + 1024
"""Size of the largest voice that the decoder may make, with its head, in bytes."""
PIECE = 64 * 1024

_HEADERS = (b"\x02#!SILK_V3", b"#!SILK_V3")
_DECODER = str(Path(__file__).with_name("silk_decoder.py"))


def is_installed() -> bool:
    """Return whether the decoder is there."""
    return importlib.util.find_spec("pysilk") is not None


class Voices:
    """Decodes the voices of one account, few at a time."""

    def __init__(self) -> None:
        self.can_decode = is_installed()
        self._slots = asyncio.Semaphore(AT_ONCE)

    async def decoded(self, voice: bytes) -> bytes:
        """Return a voice as WAV; as it is where it is no SILK, or cannot be decoded."""
        if not voice.startswith(_HEADERS) or len(voice) > LARGEST:
            return voice
        async with self._slots:
            return await _decoded(voice) or voice


async def _decoded(voice: bytes) -> bytes:
    """Have a process decode SILK; nothing where it fails."""
    try:
        process = await asyncio.create_subprocess_exec(
            sys.executable,
            "-P",  # it imports nothing from the folders around it
            _DECODER,
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.DEVNULL,
        )
    except OSError as error:
        log.warning("a voice could not be made WAV: no process for it: %s", error)
        return b""
    try:
        async with asyncio.timeout(WITHIN_S):
            wav = await _exchange(process, voice)
    except TimeoutError:
        log.warning("a voice could not be made WAV within %.0f seconds", WITHIN_S)
        return b""
    finally:
        if process.returncode is None:
            process.kill()
            assert process.stdout is not None
            while await process.stdout.read(PIECE):
                """What it wrote last is of no use, but its end comes after that."""
            await process.wait()
    if process.returncode != 0:
        log.warning("a voice could not be made WAV: the decoder ended with %d", process.returncode)
        return b""
    return wav


async def _exchange(process: asyncio.subprocess.Process, voice: bytes) -> bytes:
    """Pass a voice to the decoder, and return what it makes of it, until it ends or that is too large.

    It may write before it has read everything, or anything.
    """
    assert process.stdin is not None
    assert process.stdout is not None
    wav = bytearray()
    feeding = asyncio.create_task(_feed(process.stdin, voice))
    try:
        while len(wav) <= LARGEST_WAV and (piece := await process.stdout.read(PIECE)):
            wav += piece
        if len(wav) <= LARGEST_WAV:
            await process.wait()
    finally:
        feeding.cancel()
    return bytes(wav)


async def _feed(stdin: asyncio.StreamWriter, voice: bytes) -> None:
    stdin.write(voice)
    with contextlib.suppress(ConnectionError):  # it has ended already
        await stdin.drain()
    stdin.close()
