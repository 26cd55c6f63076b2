"""Charsets named by others in headers and messages. ``api``, ``reporter`` and ``media/names.py`` call this."""

import re

_CHARSET = re.compile(
    r"(?:us-)?ascii|(?:utf|iso|gb|big5|euc|windows|cp|koi8|latin|shift|ks|hz|mac|tis)[\w-]*",
    re.IGNORECASE,
)
"""The accepted names. Some of Python's codecs (``punycode``) take minutes for purpose-made bytes."""
_GB = frozenset({"gbk", "gb2312", "gb_2312-80", "gb18030", "cp936", "ms936", "x-gbk", "euc-cn"})
"""The charsets of which GB18030 is a superset."""


def is_gb(charset: str | None) -> bool:
    """Return whether GB18030 decodes this charset."""
    return charset is not None and charset.strip().lower() in _GB


def decoded(data: bytes, charset: str) -> str:
    """Decode in a charset. Raises ``LookupError`` for an unknown one, and ``UnicodeError``."""
    if is_gb(charset):
        return data.decode("gb18030")
    if not _CHARSET.fullmatch(charset):
        raise LookupError(f"{charset[:40]!a} is no charset")
    return data.decode(charset)


def utf8_or_gb(data: bytes) -> str:
    """Decode UTF-8, or else GB18030, which Chinese Windows writes. Raises ``UnicodeDecodeError``."""
    try:
        return data.decode()
    except UnicodeDecodeError:
        return data.decode("gb18030")
