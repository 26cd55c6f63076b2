"""The one item of an outbound message: exactly the fields that official clients send, and media that are there.
`sends` reads it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from ...media import Medium
from ..bot import Bot
from ..cipher import read_key
from ..model import ITEM_NAMES, KINDS, Permission
from .base import ILinkCall, invalid, is_count, is_text

_TEXT, _IMAGE, _VOICE, _FILE, _VIDEO = KINDS
_MEDIA = frozenset({"encrypt_query_param", "aes_key", "encrypt_type"})
_FIELDS: Mapping[int, frozenset[str]] = {
    _TEXT: frozenset({"text"}),
    _IMAGE: frozenset({"media", "mid_size"}),
    _VIDEO: frozenset({"media", "video_size"}),
    _FILE: frozenset({"media", "file_name", "len"}),
    _VOICE: frozenset({"media", "encode_type", "bits_per_sample", "sample_rate", "playtime"}),
}
"""The fields of an outbound item, by its type; the progress of tools (11, 12) is not looked into."""
_SIZES = {_IMAGE: "mid_size", _VIDEO: "video_size"}
"""Where an item has the size of the cipher text."""


@dataclass(frozen=True, slots=True)
class Item:
    """What a message says."""

    type: int
    text: str
    medium: Medium | None = None
    """The plain bytes; None where no phone can read them."""
    file_name: str = ""


def read_item(call: ILinkCall, bot: Bot, msg: Mapping[str, Any]) -> Item:
    """Read the item of a message, or refuse it: -2 "invalid arguments"."""
    items = msg.get("item_list")
    if not isinstance(items, list) or len(items) != 1 or not isinstance(items[0], dict):
        invalid()
    item = items[0]
    kind = item.get("type")
    if not is_count(kind) or kind not in ITEM_NAMES:
        invalid()
    name = ITEM_NAMES[kind]
    fields = item.get(name)
    if not isinstance(fields, dict):
        invalid()
    if kind not in _FIELDS:
        return Item(kind, "")
    if call.options.strict and (
        item.keys() - {"type", name, "ref_msg"} or fields.keys() - _FIELDS[kind]
    ):
        invalid()
    if kind == _TEXT:
        return Item(kind, _text(fields, call.options.text_bytes))
    return _with_medium(call, bot, msg["to_user_id"], kind, fields)


def _text(fields: Mapping[str, Any], longest: int) -> str:
    text = fields.get("text")
    if not is_text(text) or len(text.encode()) > longest:
        invalid()
    return text


def _with_medium(call: ILinkCall, bot: Bot, to: str, kind: int, fields: Mapping[str, Any]) -> Item:
    """Read an item with a medium that was uploaded for this person, and is what was announced."""
    media = fields.get("media")
    if not isinstance(media, dict) or (call.options.strict and media.keys() - _MEDIA):
        invalid()
    param = str(media.get("encrypt_query_param", ""))
    stored, permission = call.registry.find_stored(param), call.registry.uploads.get(param)
    if stored is None or permission is None or not stored.fits:
        invalid()
    if (permission.bot_id, permission.to_user_id, permission.kind) != (bot.id, to, KINDS[kind]):
        invalid()
    name = _name(kind, fields)
    if not _are_sizes_right(kind, fields, permission):
        invalid()
    # With another key, or another spelling of it, the message arrives, and the phone shows a grey box.
    readable = read_key(str(media.get("aes_key", ""))) == stored.key
    return Item(kind, name or f"[{KINDS[kind]}]", stored.medium if readable else None, name)


def _name(kind: int, fields: Mapping[str, Any]) -> str:
    if kind != _FILE:
        return ""
    name = fields.get("file_name")
    if not is_text(name):
        invalid()
    return name


def _are_sizes_right(kind: int, fields: Mapping[str, Any], permission: Permission) -> bool:
    if kind == _FILE:
        return fields.get("len") == str(permission.plain_size)
    if kind == _VOICE:
        return is_count(fields.get("playtime"))
    return bool(fields.get(_SIZES[kind]) == permission.cipher_size)
