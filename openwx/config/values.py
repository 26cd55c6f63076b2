"""The kinds of values that settings can have, each with its check and its error text.

Every check here and in ``addresses`` is a pydantic ``BeforeValidator`` for exact types, so that nothing is coerced
silently (``port = "3000"`` is an error in TOML; texts of the environment are converted before) and users never see
error texts of pydantic. A check raises ``BadValueError``; ``load`` puts the source and the key before its text.
"""

import base64
import binascii
import difflib
import math
import re
import ssl
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Annotated, Any

from pydantic import BeforeValidator

from openwx.config.contract import POST_API

_SIZE = re.compile(r"(\d{1,15}(?:\.\d{1,6})?)\s*([KMG]?I?B?)", re.ASCII | re.IGNORECASE)
_STEP = {"": 0, "K": 1, "M": 2, "G": 3}
_MOST_CERTIFICATES = 16 * 1024**2
"""The largest file of certificates, in bytes. All authorities of a system take a quarter of one MiB."""
_NAME = re.compile(r"[A-Za-z0-9_-][A-Za-z0-9_.-]{0,63}")
_BUCKET = re.compile(
    r"s3://[a-z0-9][a-z0-9.-]{1,61}[a-z0-9](?:/(?!\.+(?:/|$))[A-Za-z0-9_.-]{1,100}){0,8}/?"
)
_TARGET_NAME = re.compile(r"[A-Za-z0-9_.:\[\]-]{1,64}")
NOT_KEYS = ("token", "anonymous")
"""What the log and the metrics call callers with ``access.token`` and without any: no key has such a name."""


class BadValueError(ValueError):
    """An invalid value. The text continues after the key: ``must be true or false, not 1``."""


# Words


def found(value: object) -> str:
    """Show a wrong value; of lists and tables only the kind, since they may contain a secret."""
    if isinstance(value, str):
        return repr(value if len(value) <= 60 else value[:57] + "...")
    if isinstance(value, int | float) and not isinstance(value, bool):
        try:
            text = repr(value)
        except ValueError:  # an int beyond sys.get_int_max_str_digits()
            text = ""
        return text if 0 < len(text) <= 40 else "a number that long"
    return kind(value)


def kind(value: object) -> str:
    """Name the kind of a value, without the value."""
    match value:
        case bool():
            return str(value).lower()
        case str():
            return "text"
        case int() | float():
            return "a number"
        case list():
            return "a list"
        case dict():
            return "a table"
        case None:
            return "null"
        case _:
            return "a date or a time"


def hint(word: str, known: Iterable[str]) -> str:
    """Return ``; did you mean ...?`` if one of ``known`` is similar."""
    near = difflib.get_close_matches(word[:100].lower(), list(known), n=1)
    return f"; did you mean {near[0]}?" if near else ""


# Plain values


def _boolean(value: Any) -> bool:
    if isinstance(value, bool):
        return value
    raise BadValueError(f"must be true or false, not {found(value)}")


def truth(text: str) -> bool | None:
    """Read a number as yes or no, as the original does: all but 0 is yes. Return None if it is no number."""
    try:
        number = float(text) if text.isascii() else math.nan
    except ValueError:
        return None
    return None if math.isnan(number) else number != 0


def whole(low: int, high: int, note: str = "") -> BeforeValidator:
    """Check for a whole number from ``low`` to ``high``."""

    def check(value: Any) -> int:
        if isinstance(value, int) and not isinstance(value, bool) and low <= value <= high:
            return value
        raise BadValueError(
            f"must be a whole number from {low} to {high}{note}, not {found(value)}"
        )

    return BeforeValidator(check)


def seconds(low: float, high: float) -> BeforeValidator:
    """Check for a number of seconds, whole or not, from ``low`` to ``high``."""

    def check(value: Any) -> float:
        number = isinstance(value, int | float) and not isinstance(value, bool)
        if number and low <= value <= high:  # nan fails this, as it should
            return float(value)
        raise BadValueError(
            f"must be a number of seconds from {low:g} to {high:.0f}, not {found(value)}"
        )

    return BeforeValidator(check)


def one_of(*names: str) -> BeforeValidator:
    """Check for one of some fixed words, in any case."""

    def check(value: Any) -> str:
        if isinstance(value, str):
            if value.lower() in names:
                return value.lower()
            raise BadValueError(
                f"must be one of {', '.join(names)}, not {found(value)}{hint(value, names)}"
            )
        raise BadValueError(f"must be one of {', '.join(names)}, not {found(value)}")

    return BeforeValidator(check)


def _text(value: Any) -> str:
    if isinstance(value, str):
        return value
    raise BadValueError(f"must be text in quotes, not {found(value)}")


def _size(low: int, high: int) -> BeforeValidator:
    def check(value: Any) -> int:
        size: int | None = None
        if isinstance(value, int) and not isinstance(value, bool):
            size = value
        elif isinstance(value, str) and (match := _SIZE.fullmatch(value.strip())):
            number, unit = match[1], match[2].upper()
            step = 1024 if "I" in unit else 1000
            if unit != "I" and unit != "IB":
                size = int(float(number) * step ** _STEP[unit.removesuffix("B").removesuffix("I")])
        if size is not None and low <= size <= high:
            return size
        raise BadValueError(
            f'must be a size from {low} byte to 4 GiB, such as 26214400 or "25 MiB", '
            f"not {found(value)}"
        )

    return BeforeValidator(check)


# Secrets: their values never show


def _token(value: Any) -> str | None:
    if value is None:
        return None
    if value == "":
        raise BadValueError(
            "is empty, which would protect nothing: set a long random text, or leave the key out"
        )
    if not isinstance(value, str):
        raise BadValueError(f"must be text in quotes, not {kind(value)}")
    if len(value) > 512 or not all("!" <= c <= "~" for c in value):
        raise BadValueError(
            "must be up to 512 visible ASCII characters, without spaces or control characters"
        )
    return value


def _key_token(value: Any) -> str:
    token = _token(value)
    if token is None:
        raise BadValueError("must be text in quotes, not null")
    return token


def _key_name(value: Any) -> str:
    if isinstance(value, str) and _NAME.fullmatch(value) and value.lower() not in NOT_KEYS:
        return value
    raise BadValueError(
        "is not a name for a key: up to 64 letters, digits and _ - . (the first not a dot),"
        f" and none of {', '.join(NOT_KEYS)}"
    )


def _secret(value: Any) -> str | None:
    text = _token(value)
    if text is not None and text.startswith("whsec_"):
        try:
            key = base64.b64decode(text.removeprefix("whsec_"), validate=True)
        except binascii.Error:
            key = b""
        if not key:
            raise BadValueError("must have base64 after whsec_")
    return text


# Paths: ~ is the home folder; relative ones start at the working folder


def _path(value: Any, what: str) -> Path:
    if not isinstance(value, str | Path) or not str(value).strip() or "\0" in str(value):
        raise BadValueError(f"must be the path of {what}, not {found(value)}")
    try:
        return Path(value).expanduser().absolute()
    except (OSError, RuntimeError):
        raise BadValueError(f"must be a path that exists here, not {found(value)}") from None


def _path_kind(what: str, fits: Callable[[Path], bool]) -> BeforeValidator:
    def check(value: Any) -> Path | None:
        if value is None:
            return None
        path = _path(value, what)
        try:
            good = fits(path)
        except OSError:
            good = False
        if not good:
            raise BadValueError(f"must be the path of {what}, not {found(str(value))}")
        return path

    return BeforeValidator(check)


def _certificates(value: Any) -> Path | None:
    if value is None or value == "":
        return None
    path = _path(value, "a PEM file with certificates")
    try:
        if not path.is_file():
            why = "there is no such file"
        elif path.stat().st_size > _MOST_CERTIFICATES:
            why = "it is too large"
        else:
            ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT).load_verify_locations(path)
            return path
    except ssl.SSLError:
        why = "it contains no readable certificate"
    except OSError as error:
        why = (error.strerror or "it cannot be read").lower()
    raise BadValueError(
        f"must be the path of a PEM file with certificates, not {found(str(value))}: {why}"
    )


def _account_name(value: Any) -> str:
    if isinstance(value, str) and _NAME.fullmatch(value):
        return value
    raise BadValueError(
        "is not a name for an account: up to 64 letters, digits and _ - . (the first not a dot)"
    )


def _media_store(value: Any) -> str | None:
    """Check for the name of a store of media. Keys of S3 are never in it: they are in the environment."""
    if value is None or value == "":
        return None
    if isinstance(value, str) and value.lower() in ("database", "folder"):
        return value.lower()
    if isinstance(value, str) and _BUCKET.fullmatch(value):
        return value.rstrip("/")
    words = "must be database, folder, or a bucket such as s3://bucket/prefix"
    if isinstance(value, str) and "@" in value:  # what is written before it may be a secret
        raise BadValueError(f"{words}, without a key: AWS_ACCESS_KEY_ID and the like have it")
    raise BadValueError(f"{words}, not {found(value)}")


def _target_name(value: Any) -> str | None:
    if value is None:
        return None
    if not isinstance(value, str) or not _TARGET_NAME.fullmatch(value):
        raise BadValueError(f"must be up to 64 letters, digits and _ - . : [ ], not {found(value)}")
    if value == POST_API:
        raise BadValueError(f"must be another name: {POST_API} is the setting of that name")
    return value


YesNo = Annotated[bool, BeforeValidator(_boolean)]
Text = Annotated[str, BeforeValidator(_text)]
Size = Annotated[int, _size(1, 4 * 1024**3)]
MediaStoreName = Annotated[str | None, BeforeValidator(_media_store)]
"""``database``, ``folder``, or ``s3://bucket/prefix``. Empty text is None."""
Token = Annotated[str | None, BeforeValidator(_token)]
Secret = Annotated[str | None, BeforeValidator(_secret)]
KeyToken = Annotated[str, BeforeValidator(_key_token)]
KeyName = Annotated[str, BeforeValidator(_key_name)]
AccountName = Annotated[str, BeforeValidator(_account_name)]
TargetName = Annotated[str | None, BeforeValidator(_target_name)]
Folder = Annotated[Path, _path_kind("a folder", lambda p: p.is_dir() or not p.exists())]
FilePath = Annotated[Path | None, _path_kind("a file", lambda p: not p.is_dir())]
ExistingFile = Annotated[Path | None, _path_kind("a file that exists", Path.is_file)]
Certificates = Annotated[Path | None, BeforeValidator(_certificates)]
"""A file of trusted certificates, or None. Empty text is None too."""
