"""The process that decodes one voice: SILK on stdin, WAV on stdout. ``silk`` runs it. It fails by its exit status."""

import importlib
import io
import sys
import wave
from typing import Any

RATE = 24_000
"""Samples per second of WeChat's voices."""
LARGEST_VOICE = 4 * 1024 * 1024
LARGEST_WAV = 64 * 1024 * 1024
"""In bytes: more than twenty minutes."""
MEMORY = 1024 * 1024 * 1024
CPU_S = 20


class _Bounded(io.BytesIO):
    """Takes samples until there are too many of them."""

    def write(self, data: Any) -> int:
        if self.tell() + len(data) > LARGEST_WAV:
            raise ValueError("too many samples")
        return super().write(data)


def bound() -> None:
    """Bound what this process may use, where the system can."""
    if sys.platform != "win32":
        import resource  # noqa: PLC0415 - Windows has none

        resource.setrlimit(resource.RLIMIT_AS, (MEMORY, MEMORY))
        resource.setrlimit(resource.RLIMIT_CPU, (CPU_S, CPU_S))
        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
        resource.setrlimit(
            resource.RLIMIT_NPROC, (0, 0)
        )  # a child would outlive it; root may all the same


def wav_of(voice: bytes) -> bytes:
    """Decode SILK to a WAV file with one channel of 16 bits."""
    samples = _Bounded()
    importlib.import_module("pysilk").decode(io.BytesIO(voice), samples, RATE)
    if not samples.tell():
        raise ValueError("there are no samples")
    written = io.BytesIO()
    with wave.open(written, "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(RATE)
        file.writeframes(samples.getvalue())
    return written.getvalue()


def main() -> None:
    """Decode stdin to stdout."""
    bound()
    voice = sys.stdin.buffer.read(LARGEST_VOICE + 1)
    if len(voice) > LARGEST_VOICE:
        sys.exit(2)
    sys.stdout.buffer.write(wav_of(voice))


if __name__ == "__main__":
    main()
