"""Parses addresses that others wrote: backends, WeChat, callers. Whoever takes one from outside calls it."""

from yarl import URL


def parsed(text: str, *, encoded: bool = False) -> URL:
    """Parse an address. ``encoded``: keep its percent escapes as they are. Raise ``ValueError`` for what is none."""
    try:
        return URL(text, encoded=encoded)
    except (
        IndexError
    ):  # yarl 1.25 raises it where nothing follows the user, who has brackets: http://[]@
        raise ValueError("no host after the user") from None
