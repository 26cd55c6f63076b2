"""Looks up the sentences of the console in the reader's language. Views and templates call it ``t``."""

import msgspec

from openwx.console.words import WORDS
from openwx.language import Language


class Translator(msgspec.Struct, frozen=True):
    """Called ``t`` in pages. An unknown id or a missing value is a ``KeyError``."""

    language: Language

    def __call__(self, id: str, /, **values: object) -> str:
        """Return the sentence with this id, with ``values`` in its braces."""
        english, chinese = WORDS[id]
        return (chinese if self.language == "zh" else english).format_map(values)

    def of_code(self, group: str, code: str) -> str:
        """Return the words for a code, or the code itself if this ``group`` of ids has none."""
        id = f"{group}.{code}"
        return self(id) if id in WORDS else code
