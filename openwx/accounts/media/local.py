"""Local files that callers may send: below the roots, and never openwx's own files. ``MediaResolver`` asks.

A path is checked before anything outside of the roots is accessed, so that no answer reveals what exists there.
"""

import os
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import BinaryIO

from openwx.errors import CallerError, Code
from openwx.localfile import open_below

_MOST_LINKS = 40


class AllowedFiles:
    """The allowed local files. ``roots`` are the folders that they may lie in. ``own`` are files and folders that are
    never sent, except for what lies in ``media``, the folder of media."""

    def __init__(
        self, roots: Iterable[Path], *, own: Iterable[Path] = (), media: Path | None = None
    ) -> None:
        named = {_normal(root): Path(os.path.realpath(root)) for root in roots}
        self._roots = list(dict.fromkeys(named.values()))
        self._named = {root: root for root in self._roots} | named
        """The real path of each root, by the names that it may have in a path."""
        self._own = [Path(os.path.realpath(one)) for one in own]
        self._media = None if media is None else Path(os.path.realpath(media))

    def open(self, path: str) -> tuple[str, BinaryIO]:
        """Open a regular file. Its real path, and the file. Blocks. Raises ``CallerError``: -3 or -8."""
        try:
            real = Path(os.path.realpath(self._followed(path)))
            root = next((root for root in self._roots if real.is_relative_to(root)), None)
            if root is None:
                raise self._forbidden(path)
            if self._is_own(real):
                raise CallerError(
                    Code.FORBIDDEN, f"media_path {path[:200]!r} is openwx's own, and is never sent"
                )
            return str(real), open_below(str(root), str(real))
        except FileNotFoundError:
            raise CallerError(Code.MEDIA, f"media_path {path[:200]!r}: no such file") from None
        except (ValueError, OSError) as error:
            words = error.strerror if isinstance(error, OSError) else "not a path"
            raise CallerError(Code.MEDIA, f"media_path {path[:200]!r}: {words}") from None

    def _followed(self, path: str) -> Path:
        """Follow the links of a path as long as they lead below the roots: nothing else is accessed."""
        place = self._below_root(_normal(path))
        for _ in range(_MOST_LINKS):
            if place is None:
                raise self._forbidden(path)
            root, names = place
            target = _by_first_link(root, names)
            if target is None:
                break
            place = self._below_root(target)
        if place is None:
            raise self._forbidden(path)
        root, names = place
        return root.joinpath(*names)

    def _below_root(self, path: Path) -> tuple[Path, Sequence[str]] | None:
        """Split a path into its root and the names below it; None where it leads elsewhere."""
        for name, root in self._named.items():
            if path.is_relative_to(name):
                return root, path.relative_to(name).parts
        return None

    def _is_own(self, real: Path) -> bool:
        """Whether a file is openwx's own, also under another name: a hard link, or other capitals."""
        places = [real, *real.parents]
        for place in places:
            if place == self._media:
                return False
            if place in self._own:
                return True
        files = [
            file for one in self._own if one.is_dir() for file in one.iterdir() if file.is_file()
        ]
        own = {number for one in (*self._own, *files) if (number := _number(one))}
        media = None if self._media is None else _number(self._media)
        for place in places:
            number = _number(place)
            if number is not None and number == media:
                return False
            if number in own:
                return True
        return False

    def _forbidden(self, path: str) -> CallerError:
        roots = ", ".join(map(str, self._roots))
        return CallerError(
            Code.FORBIDDEN,
            f"media_path {path[:200]!r} lies outside of the folders from which files may be sent"
            f" ({roots}); media.roots can list its folder",
        )


def _normal(path: str | Path) -> Path:
    """Make a path absolute and remove ``..``, each with the name before it, without accessing the file system."""
    return Path(os.path.normpath(Path(path).absolute()))


def _by_first_link(root: Path, names: Sequence[str]) -> Path | None:
    """Follow the first link in a path; None where there is none."""
    here = root
    for number, name in enumerate(names):
        there = here / name
        if there.is_symlink():
            return _normal(here.joinpath(there.readlink(), *names[number + 1 :]))
        here = there
    return None


def _number(path: Path) -> tuple[int, int] | None:
    """Identify a file or folder independently of its name; None where it does not exist."""
    try:
        status = path.stat()
    except OSError:
        return None
    return status.st_dev, status.st_ino
