"""Compares the records of WeChat and of both backends with the promises of openwx.
Both crash tests end with it.
"""

import base64
import itertools
from collections import Counter, defaultdict
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from openwx.errors import Code

from .receiver import wants_reply
from .services import Arrival
from .traffic import Sent, Written
from .wechat import ChatKey, Told

_Endings = Mapping[str, set[tuple[str, int]]]
"""The webhook-ids and codes of the reports about each send, by uid."""
INTERRUPTED = "was stopped before WeChat answered"
"""A part of the outcome of a send that had begun when its process ended."""


@dataclass(frozen=True, slots=True)
class Records:
    """The base of a verdict."""

    written: Sequence[Written]
    told: Told
    """What WeChat recorded."""
    arrivals: Sequence[Arrival]
    """The reports that ``post_api`` recorded, in order."""
    sent: Sent
    ended_without_room: Collection[int] = ()
    """The starts whose processes ended with a full disk."""
    drops_repeats: bool = True
    """Whether WeChat drops a message that is sent again, so that no outcome has to be unknown."""
    archived: Sequence[Arrival] | None = None
    """The reports that the second backend recorded, in order; None without one."""

    @property
    def shown(self) -> list[Written]:
        return [written for written in self.written if written.msg_id in self.told.handed_out]

    def of(self, post_type: str) -> list[Arrival]:
        return [each for each in self.arrivals if each.payload["post_type"] == post_type]

    def came(self) -> dict[str, list[Arrival]]:
        """Return the reports of each message that arrived, by its text, the messages in the order of their arrival.

        A message that came twice can have an id of its own in the journal, so its text names it then.
        """
        texts = {written.msg_id: written.text for written in self.written}
        came: dict[str, list[Arrival]] = {}
        for arrival in self.of("receive_message"):
            text = texts.get(arrival.payload["id"]) or _text_of(arrival.payload)
            came.setdefault(text, []).append(arrival)
        return came


def complaints(records: Records) -> list[str]:
    """List every broken promise."""
    endings: defaultdict[str, set[tuple[str, int]]] = defaultdict(set)
    for arrival in records.of("send_message"):
        endings[arrival.payload["uid"]].add((arrival.webhook_id, arrival.payload["code"]))
    heard = Counter(each.text for each in records.told.heard)
    came = records.came()
    handed_out = records.told.handed_out
    expected = [w for w in records.written if w.msg_id in handed_out or w.text in came]
    return [
        *_of_messages(records, came),
        *(f"{text}: heard {n} times" for text, n in heard.items() if n > 1),
        *_of_chats(records),
        *_of_sends(records, heard, endings),
        *_of_order(records),
        *_of_reports(records, heard),
        *_of_archive(records),
        *(_of_replies(expected, heard) if records.drops_repeats else _of_truth(records, heard)),
    ]


def is_unfinished(records: Records) -> bool:
    """Check whether a send without a waiting caller still has no outcome, or whether a message is still on its way."""
    uids = {arrival.payload["uid"] for arrival in records.of("send_message")}
    replied = _reply_reports(records)
    came = records.came()
    return (
        any(uid not in uids for uid in records.sent.accepted.values())
        or any(_wants_reply(w) and not replied[w.text] for w in records.written if w.text in came)
        or any(written.text not in came for written in records.shown)
    )


def emptiness(records: Records) -> list[str]:
    """List what did not occur in the run: a verdict on nothing means nothing."""
    counts = {
        "message was handed out": len(records.shown),
        "waiting send was answered with code 0": len(records.sent.answered),
        "send with async=1 was accepted": len(records.sent.accepted),
        "reply was wanted": sum(map(_wants_reply, records.shown)),
    }
    if records.archived is not None:
        counts["report came to the second backend"] = len(records.archived)
    if not records.drops_repeats:
        counts |= {
            "message came twice": len(records.told.doubled),
            "answer to a send was lost": len(records.told.lost_answers),
            "send waited for its person": records.sent.waited,
        }
    return [f"the run shows nothing: no {what}" for what, count in counts.items() if not count]


def figures(records: Records) -> str:
    """Summarise the amount of traffic."""
    shown, arrivals, sent = records.shown, records.of("receive_message"), records.sent
    files = sum(written.file is not None for written in shown)
    arrived = len({arrival.webhook_id for arrival in arrivals})
    failed = sum(arrival.payload["code"] != 0 for arrival in records.of("send_message"))
    replies = sum(map(_wants_reply, shown))
    text = (
        f"{len(records.written)} messages written, {len(shown)} handed out ({files} files),"
        f" {arrived} arrived, with {len(arrivals) - arrived} repeats;\n"
        f"{len(sent.answered)} waiting sends answered with code 0 ({sent.repeated.total()} repetitions with"
        f" a key), {len(sent.accepted)} accepted with async=1, {len(sent.unknown)} without an answer"
        f" or refused;\n{replies} replies wanted; {failed} sends reported as failed"
    )
    if records.archived is not None:
        archived = len({arrival.webhook_id for arrival in records.archived})
        repeats = len(records.archived) - archived
        text += f"; {archived} reports reached the second backend, with {repeats} repeats"
    if records.drops_repeats:
        return text
    told, came = records.told, records.came()
    dropped = [w for w in records.written if w.msg_id in told.dropped]
    reports = {arrival.webhook_id: arrival.payload for arrival in records.of("send_message")}
    unknown = [each for each in reports.values() if each["code"] == Code.UNREACHABLE]
    interrupted = sum(INTERRUPTED in each["info"] for each in unknown)
    return (
        f"{text}, {len(unknown)} of them as unknown ({interrupted} because their"
        f" process ended);\n{len(told.doubled)} messages came twice, and"
        f" {len(dropped)} had been acknowledged by nobody when their bot was replaced"
        f" ({sum(w.text in came for w in dropped)} of them arrived);\n"
        f"{len(told.lost_answers)} answers to sends were lost, {sent.waited} sends waited for a person"
    )


def _of_messages(records: Records, came: Mapping[str, Sequence[Arrival]]) -> Iterator[str]:
    """Check that each message arrived under one webhook-id, and in the order of its chat.

    One that WeChat dropped before anybody acknowledged it may be missing.
    """
    places = {text: place for place, text in enumerate(came)}
    by_chat: defaultdict[ChatKey, list[Written]] = defaultdict(list)
    for written in records.written:
        if written.text not in came:
            if written.msg_id in records.told.handed_out:
                yield f"lost: {written.text}"
            if written.msg_id in records.told.pending:
                yield f"never fetched: {written.text}"
            continue
        by_chat[written.chat].append(written)
        arrivals = came[written.text]
        if (n := len({arrival.webhook_id for arrival in arrivals})) > 1:
            yield f"{written.text}: came with {n} webhook-ids"
        payload = arrivals[0].payload
        if written.file is None:
            if payload["content"] != written.text:
                yield f"{written.text}: came as {payload['content']!r}"
        elif base64.b64decode(payload.get("media_data", "")) != written.file:
            yield f"{written.text}: its file came as something else ({payload.get('media_error')})"
    yield from (f"{text}: came, but was never written" for text in _strange(records, came))
    for messages in by_chat.values():
        for earlier, later in itertools.pairwise(messages):
            if places[earlier.text] > places[later.text]:
                yield f"order: {later.text} came before {earlier.text}"


def _strange(records: Records, came: Iterable[str]) -> Iterator[str]:
    known = {written.text for written in records.written}
    return (text for text in came if text not in known)


def _of_chats(records: Records) -> Iterator[str]:
    """Check that each send reached its own chat only."""
    meant = {**records.sent.chats, **{written.text: written.chat for written in records.written}}
    for heard in records.told.heard:
        chat = meant.get(heard.text.partition(" to ")[2] or heard.text)
        if chat is None:
            yield f"{heard.text}: heard, but never sent"
        elif chat != heard.chat:
            yield f"{heard.text}: meant for chat {chat}, heard in {heard.chat}"


def _of_sends(records: Records, heard: Counter[str], endings: _Endings) -> Iterator[str]:
    """Check that each accepted send was heard, or reported as failed if no caller waited, and no refused one was."""
    sent = records.sent
    for text in sent.answered:
        if not heard[text]:
            yield f"{text}: answered with code 0, never heard"
    for text, code in sent.refused.items():
        # A caller who repeats may be refused the second time, and the first was accepted.
        if code != Code.UNREACHABLE and not sent.repeated[text] and heard[text]:
            yield f"{text}: refused with {code}, and heard"
    for text, uid in sent.accepted.items():
        outcomes = endings.get(uid, set())
        if len(outcomes) != 1:
            yield f"{text}: accepted, reported as {outcomes or 'nothing'}"
            continue
        [(_, code)] = outcomes
        is_unknown = code == Code.UNREACHABLE and not records.drops_repeats
        if not is_unknown and (heard[text] == 1) != (code == 0):
            yield f"{text}: accepted, heard {heard[text]} times, reported with {code}"


def _of_order(records: Records) -> Iterator[str]:
    places = {heard.text: place for place, heard in enumerate(records.told.heard)}
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
    """Check that each reply was executed once."""
    replied = Counter(text.partition(" to ")[2] for text in heard if text.startswith("reply "))
    for written in shown:
        if _wants_reply(written) and replied[written.text] != 1:
            yield f"the reply to {written.text} was executed {replied[written.text]} times"


def _of_archive(records: Records) -> Iterator[str]:
    """Check that the second backend got what its filter lets through: all of that, unchanged, and nothing else."""
    if records.archived is None:
        return
    wanted = {
        arrival.webhook_id: arrival.payload
        for arrival in records.of("receive_message")
        if arrival.payload["format"] == "text"
    }
    got = {arrival.webhook_id: arrival.payload for arrival in records.archived}
    for webhook_id, payload in wanted.items():
        if webhook_id not in got:
            yield f"{payload['content']}: did not reach the second backend"
        elif got[webhook_id] != payload:
            yield f"{payload['content']}: reached the second backend as something else"
    for webhook_id, payload in got.items():
        if webhook_id not in wanted:
            yield f"{payload.get('content')}: reached the second backend, which was not to get it"
    yield from _of_order_in_archive(records, records.archived)


def _of_order_in_archive(records: Records, archived: Sequence[Arrival]) -> Iterator[str]:
    places: dict[str, int] = {}
    for place, arrival in enumerate(archived):
        places.setdefault(_text_of(arrival.payload), place)
    by_chat: defaultdict[ChatKey, list[str]] = defaultdict(list)
    for written in records.written:
        if written.text in places:
            by_chat[written.chat].append(written.text)
    for texts in by_chat.values():
        for earlier, later in itertools.pairwise(texts):
            if places[earlier] > places[later]:
                yield f"order at the second backend: {later} came before {earlier}"


def _of_truth(records: Records, heard: Counter[str]) -> Iterator[str]:
    """Check all reports of sends where WeChat shows a repeated message twice.

    A send that is told as done was heard, one that is told as failed was not. The outcome is unknown only where the
    answer was lost, or the process ended before it knew.
    """
    reports = {arrival.webhook_id: arrival.payload for arrival in records.of("send_message")}
    for payload in reports.values():
        text, code, info = _text_of(payload), payload["code"], payload["info"]
        if code == Code.UNREACHABLE:
            if text not in records.told.lost_answers and INTERRUPTED not in info:
                yield f"{text}: its outcome is unknown for no reason ({info})"
        elif (heard[text] == 1) != (code == 0):
            yield f"{text}: heard {heard[text]} times, reported with {code} ({info})"
    came, reported = records.came(), _reply_reports(records)
    for written in records.written:
        if written.text in came and _wants_reply(written) and reported[written.text] != 1:
            yield f"the reply to {written.text} was reported {reported[written.text]} times"


def _reply_reports(records: Records) -> Counter[str]:
    """Count the reports about replies, by the text of the message that was replied to."""
    reports = {arrival.webhook_id: arrival.payload for arrival in records.of("send_message")}
    texts = (_text_of(payload) for payload in reports.values())
    return Counter(text.partition(" to ")[2] for text in texts if text.startswith("reply "))


def _wants_reply(written: Written) -> bool:
    return written.file is None and wants_reply(written.text)


def _text_of(payload: Mapping[str, Any]) -> str:
    """Return the text or file name of a report."""
    if payload["format"] == "media":
        return str(payload["media_name"]).removesuffix(".txt")
    return str(payload["content"])
