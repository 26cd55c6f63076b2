"""Makes texts of strangers safe for a model and for whoever reads what it was told. Whatever a tool answers passes it.

JSON keeps a text in its field. What is left is what nobody sees: characters that change the direction of text, control
a terminal, or spell hidden words (the tags of Unicode, and its variation selectors beyond the sixteen of emoji).
"""

import re

MOST_NAME = 200
MOST_TEXT = 8_000

_HIDDEN = re.compile(
    "[\x00-\x08\x0b-\x1f\x7f-\x9f\u061c\u180e\u200b\u200e\u200f\u2028-\u202e\u2060-\u206f\ufeff\ufff9-\ufffb"
    "\ud800-\udfff\U0001d173-\U0001d17a\U000e0000-\U000e0fff]"
)
SHOWN = "\ufffd"
"""What stands for a hidden character."""


def cleaned(text: str, most: int = MOST_TEXT) -> tuple[str, bool]:
    """Replace hidden characters, and cut a text after ``most`` letters. Return it, and whether it was cut."""
    shown = _HIDDEN.sub(SHOWN, text[:most].replace("\r\n", "\n"))
    return shown, len(text) > most


def name(text: object) -> str:
    """Clean a name, which has one line."""
    return cleaned(str(text), MOST_NAME)[0].replace("\n", " ").replace("\t", " ")
