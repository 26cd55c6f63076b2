"""What is not known of the iLink service, or differs from one observation to the next, as options.
The services ask; `control` sets them.

The default is the choice that is hardest for a client. Options may be changed while it runs.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class RepeatedClientId(StrEnum):
    """What a `client_id` does that was used before."""

    ACCEPT = "accept"
    """It sends a second message."""
    SAME = "same"
    """The first answer again; nothing is sent."""
    REFUSE = "refuse"
    """-2 "invalid arguments"."""


class MissingToken(StrEnum):
    """What happens to a send without a `context_token`."""

    REFUSE = "refuse"
    """-2 "prepare failed"."""
    SILENT = "silent"
    """It is accepted without `message_id`, and nobody sees it."""
    OK = "ok"
    """It is sent."""


class Repeat(StrEnum):
    """How a message comes a second time. Its `context_token` is another one then."""

    NONE = ""
    """It comes once."""
    SAME_ID = "same_id"
    NEW_ID = "new_id"
    """With another `message_id` and `seq`."""
    NO_ID = "no_id"
    """Neither comes with a `message_id`."""


class KeySpelling(StrEnum):
    """How the key of a person's picture, voice, film or file is written in `media.aes_key`."""

    RAW = "raw"
    """Base64 of the 16 bytes."""
    HEX = "hex"
    """Base64 of the 32 hex digits."""
    BOTH = "both"
    """One, then the other."""


class QuoteForm(StrEnum):
    """How `ref_msg` names the quoted message."""

    CONTENT = "content"
    """With its content, as older phones do."""
    ID = "id"
    """By its `svr_id` alone, as newer phones do."""


class ErrorField(StrEnum):
    """Where a refusal has its code."""

    RET = "ret"
    ERRCODE = "errcode"
    BOTH = "both"


class SecondPoller(StrEnum):
    """What happens when a poll comes while another one of the same bot is held."""

    BOTH = "both"
    """Both are answered."""
    OLDER_403 = "older_403"
    """The older one is answered with HTTP 403."""


@dataclass(slots=True)
class ILinkOptions:
    """The behaviour of the iLink service. Times are in seconds; 0 means "no limit" for limits."""

    # Logging in
    hold_s: float = 35.0
    """The time that polls for messages and for a scan are held."""
    code_life_s: float = 120.0
    """The life of a login code."""
    verify_code: bool = False
    """The phone shows six digits after a scan, which must be handed in."""
    verify_tries: int = 3
    """The number of wrong digits after which the code is blocked."""
    redirect_host: str = ""
    """`host:port` at which a scanned login goes on; polls elsewhere are answered `scaned_but_redirect`."""
    token_told_again: bool = False
    """Whether a poll after `confirmed` gets the token once more; else the code has expired."""
    tells_baseurl: bool = True
    oldest_client: str = ""
    """The oldest client version that a phone accepts, such as `2.0.0`: older ones can be scanned, not confirmed."""

    # Receiving
    batch_size: int = 50
    """The most messages in an answer."""
    backlog: int = 0
    """The number of messages that an empty cursor brings back; 0: all that are kept."""
    kept_s: float = 0
    """The time that messages are kept."""
    second_poller: SecondPoller = SecondPoller.BOTH
    shows_own: bool = False
    """Whether the bot's own messages come back, with `message_type` 2."""
    cursor_when_empty: bool = True
    """Whether an answer without messages has a cursor."""
    repeat: Repeat = Repeat.NONE
    """How every message comes a second time."""
    keys: KeySpelling = KeySpelling.BOTH
    quotes: QuoteForm = QuoteForm.ID
    tells_media_url: bool = True
    """Whether `media` has its `full_url`."""
    admits_others: bool = True
    """Whether persons other than the owner may write to a bot."""

    # Sending
    budget: int = 10
    """The number of messages that may be sent after each message of the person."""
    window_s: float = 24 * 3600.0
    """The time after a person's message in which anything may be sent to them."""
    client_id: RepeatedClientId = RepeatedClientId.ACCEPT
    missing_token: MissingToken = MissingToken.REFUSE
    newest_token_only: bool = False
    token_life_s: float = 0
    """The age at which a `context_token` is refused, where the newest one is not that old."""
    burst: int = 0
    """The number of sends of a bot within `burst_s` that make all its sends fail for `burst_pause_s`."""
    burst_s: float = 1.0
    burst_pause_s: float = 3600.0
    """Each try during the pause makes it longer by as much."""
    text_bytes: int = 16_384
    """The longest text, in bytes of UTF-8."""
    strict: bool = True
    """Whether fields that no official client sends in an item are refused."""
    tells_message_id: bool = True
    """Whether an accepted message has a `message_id` in the answer; it had none before 2026-06."""

    # Media
    tells_upload_url: bool = True
    """Whether `getuploadurl` answers `upload_full_url` besides `upload_param`."""
    param_bytes: int = 65_536
    """The largest upload with `upload_param` alone, which fails with HTTP 500 beyond."""
    media_life_s: float = 0
    """The time after which the CDN answers 404."""
    file_bytes: int = 100 * 2**20
    """The largest cipher text."""

    # Answers
    tells_ret: bool = True
    """Whether answers say `"ret": 0` where all is well."""
    ids_as_text: bool = False
    """Whether a `message_id` is a string; else it is a number beyond 2**53."""
    first_id: int = 7_497_484_083_968_000_000
    """The `message_id` from which on new ones are counted."""
    errors_in: ErrorField = ErrorField.BOTH
