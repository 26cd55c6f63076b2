"""Charsets that others name."""

import re

_CHARSET = re.compile(
    r"(?:us-)?ascii|(?:utf|iso|gb|big5|euc|windows|cp|koi8|latin|shift|ks|hz|mac|tis)[\w-]*",
    re.IGNORECASE,
)
"""Not every codec of Python's: some (``punycode``) take minutes over purpose-made bytes."""
_GB = frozenset({"gbk", "gb2312", "gb_2312-80", "gb18030", "cp936", "ms936", "x-gbk", "euc-cn"})
"""The family of which GB18030 is the largest member."""


def is_gb(charset: str | None) -> bool:
    """Whether GB18030 reads what is in this charset."""
    return charset is not None and charset.strip().lower() in _GB


def decoded(data: bytes, charset: str) -> str:
    """Raises ``LookupError`` for what is no charset, and ``UnicodeError``."""
    if is_gb(charset):
        return data.decode("gb18030")
    if not _CHARSET.fullmatch(charset):
        raise LookupError(f"{charset[:40]!a} is no charset")
    return data.decode(charset)


def utf8_or_gb(data: bytes) -> str:
    """UTF-8, else GB18030, which Chinese Windows writes. Raises ``UnicodeDecodeError``."""
    try:
        return data.decode()
    except UnicodeDecodeError:
        return data.decode("gb18030")
