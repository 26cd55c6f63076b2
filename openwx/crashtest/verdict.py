"""Compares the records of WeChat and of ``post_api`` with the promises of openwx."""

import base64
import itertools
from collections import Counter, defaultdict
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from .receiver import wants_reply
from .services import Arrival, Heard
from .traffic import Sent, Written

_Endings = Mapping[str, set[tuple[str, int]]]
"""The webhook-ids and codes of the reports about each send, by uid."""


@dataclass(frozen=True, slots=True)
class Records:
    """The base of a verdict."""

    written: Sequence[Written]
    handed_out: frozenset[str]
    """The MsgIds that WeChat handed out."""
    heard: Sequence[Heard]
    """The messages that WeChat delivered for the account, in order."""
    arrivals: Sequence[Arrival]
    """The reports that ``post_api`` recorded, in order."""
    sent: Sent
    ended_without_room: Collection[int] = ()
    """The starts whose processes ended with a full disk."""

    @property
    def shown(self) -> list[Written]:
        return [written for written in self.written if written.msg_id in self.handed_out]

    def of(self, post_type: str) -> list[Arrival]:
        return [each for each in self.arrivals if each.payload["post_type"] == post_type]


def complaints(records: Records) -> list[str]:
    """List every broken promise."""
    endings: defaultdict[str, set[tuple[str, int]]] = defaultdict(set)
    for arrival in records.of("send_message"):
        endings[arrival.payload["uid"]].add((arrival.webhook_id, arrival.payload["code"]))
    heard = Counter(each.text for each in records.heard)
    return [
        *_of_messages(records.shown, records.of("receive_message")),
        *(f"{text}: heard {n} times" for text, n in heard.items() if n > 1),
        *_of_chats(records),
        *_of_sends(records.sent, heard, endings),
        *_of_order(records),
        *_of_reports(records, heard),
        *_of_replies(records.shown, heard),
    ]


def emptiness(records: Records) -> list[str]:
    """List what did not occur in the run: a verdict on nothing means nothing."""
    counts = {
        "message was handed out": len(records.shown),
        "waiting send was answered with code 0": len(records.sent.answered),
        "send with async=1 was accepted": len(records.sent.accepted),
        "reply was wanted": sum(map(_wants_reply, records.shown)),
    }
    return [f"the run shows nothing: no {what}" for what, count in counts.items() if not count]


def figures(records: Records) -> str:
    """Summarise the amount of traffic."""
    shown, arrivals, sent = records.shown, records.of("receive_message"), records.sent
    files = sum(written.file is not None for written in shown)
    arrived = len({arrival.webhook_id for arrival in arrivals})
    failed = sum(arrival.payload["code"] != 0 for arrival in records.of("send_message"))
    replies = sum(map(_wants_reply, shown))
    return (
        f"{len(records.written)} messages written, {len(shown)} handed out ({files} files),"
        f" {arrived} arrived, with {len(arrivals) - arrived} repeats;\n"
        f"{len(sent.answered)} waiting sends answered with code 0 ({sent.repeated} repetitions with"
        f" a key), {len(sent.accepted)} accepted with async=1, {len(sent.unknown)} without an answer"
        f" or refused;\n{replies} replies wanted; {failed} sends reported as failed"
    )


def _of_messages(shown: Sequence[Written], arrivals: Sequence[Arrival]) -> Iterator[str]:
    """Check that each message arrived under one webhook-id, and in the order of its chat."""
    first: dict[str, int] = {}
    payloads: dict[str, Mapping[str, Any]] = {}
    webhook_ids: defaultdict[str, set[str]] = defaultdict(set)
    for number, arrival in enumerate(arrivals):
        first.setdefault(arrival.payload["id"], number)
        payloads.setdefault(arrival.payload["id"], arrival.payload)
        webhook_ids[arrival.payload["id"]].add(arrival.webhook_id)
    for id, ids in webhook_ids.items():
        if len(ids) > 1:
            yield f"message {id} came with {len(ids)} webhook-ids"
    by_chat: defaultdict[int, list[Written]] = defaultdict(list)
    for written in shown:
        if written.msg_id not in first:
            yield f"lost: {written.text}"
            continue
        by_chat[written.chat].append(written)
        payload = payloads[written.msg_id]
        if written.file is None:
            came = payload["content"]
            if came != written.text:
                yield f"{written.text}: came as {came!r}"
        elif base64.b64decode(payload.get("media_data", "")) != written.file:
            yield f"{written.text}: its file came as something else ({payload.get('media_error')})"
    for messages in by_chat.values():
        for earlier, later in itertools.pairwise(messages):
            if first[earlier.msg_id] > first[later.msg_id]:
                yield f"order: {later.text} came before {earlier.text}"


def _of_chats(records: Records) -> Iterator[str]:
    """Check that each send reached its own chat only."""
    meant = {**records.sent.chats, **{written.text: written.chat for written in records.written}}
    for heard in records.heard:
        chat = meant.get(heard.text.partition(" to ")[2] or heard.text)
        if chat is None:
            yield f"{heard.text}: heard, but never sent"
        elif chat != heard.chat:
            yield f"{heard.text}: meant for chat {chat}, heard in {heard.chat}"


def _of_sends(sent: Sent, heard: Counter[str], endings: _Endings) -> Iterator[str]:
    """Check that each accepted send was heard, or reported as failed if no caller waited."""
    for text in sent.answered:
        if not heard[text]:
            yield f"{text}: answered with code 0, never heard"
    for text, uid in sent.accepted.items():
        outcomes = endings.get(uid, set())
        if len(outcomes) != 1:
            yield f"{text}: accepted, reported as {outcomes or 'nothing'}"
            continue
        [(_, code)] = outcomes
        if (heard[text] == 1) != (code == 0):
            yield f"{text}: accepted, heard {heard[text]} times, reported with {code}"


def _of_order(records: Records) -> Iterator[str]:
    places = {heard.text: place for place, heard in enumerate(records.heard)}
    for texts in records.sent.in_order.values():
        for text, after in itertools.pairwise(text for text in texts if text in places):
            if places[text] > places[after]:
                yield f"order of sends: {after} was heard before {text}"


def _of_reports(records: Records, heard: Counter[str]) -> Iterator[str]:
    """Check that each send that was heard is reported once.

    Two kinds are excused: sends whose caller lost the connection when the process died, and sends that were answered
    with a full disk by a process that died before there was room.
    """
    reports = {arrival.webhook_id: arrival.payload for arrival in records.of("send_message")}
    counts = Counter(_text_of(payload) for payload in reports.values())
    for text, n in counts.items():
        if n > 1:
            yield f"{text}: its outcome was reported {n} times"
    sent = records.sent
    excused = sent.unknown | {
        text for text, start in sent.without_room.items() if start in records.ended_without_room
    }
    for text in heard:
        if not counts[text] and text not in excused:
            yield f"{text}: heard, never reported"


def _of_replies(shown: Sequence[Written], heard: Counter[str]) -> Iterator[str]:
    replied = Counter(text.partition(" to ")[2] for text in heard if text.startswith("reply "))
    for written in shown:
        if _wants_reply(written) and replied[written.text] != 1:
            yield f"the reply to {written.text} was executed {replied[written.text]} times"


def _wants_reply(written: Written) -> bool:
    return written.file is None and wants_reply(written.text)


def _text_of(payload: Mapping[str, Any]) -> str:
    """Return the text or file name of a report."""
    if payload["format"] == "media":
        return str(payload["media_name"]).removesuffix(".txt")
    return str(payload["content"])
