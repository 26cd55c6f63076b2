"""Charsets that others name."""

import re

_CHARSET = re.compile(
    r"us-ascii|(?:utf|iso|gb|big5|euc|windows|cp|koi8|latin|shift|ks)[\w-]*", re.IGNORECASE
)
"""Not every codec of Python's: some (``punycode``) take minutes over purpose-made bytes."""


def decoded(data: bytes, charset: str) -> str:
    """Raises ``LookupError`` for what is no charset, and ``UnicodeDecodeError``."""
    if not _CHARSET.fullmatch(charset):
        raise LookupError(f"{charset[:40]!a} is no charset")
    chinese = charset.lower() in ("gb2312", "gbk", "gb_2312-80", "cp936")
    return data.decode("gb18030" if chinese else charset)
