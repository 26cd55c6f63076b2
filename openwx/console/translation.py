"""The console's sentences in the reader's language."""

from openwx.console.chinese import CHINESE
from openwx.language import Language

ENGLISH = {
    "好友": "friend",
    "公众号": "public account",
    "系统帐号": "system account",
    "receive_message": "Message received",
    "send_message": "Message sent",
    "state init": "starting",
    "state loading": "connecting",
    "state scaning": "waiting for a scan",
    "state confirming": "waiting for a confirmation",
    "state updating": "loading",
    "state running": "running",
    "state stop": "stopped",
}
"""What is no English sentence by itself: the contract's own words."""


def translate(language: Language, english: str, **values: object) -> str:
    """A sentence of the console in this language, with ``values`` in its braces."""
    text = (CHINESE if language == "zh" else ENGLISH).get(english, english)
    return text.format(**values) if values else text
