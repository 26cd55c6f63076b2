"""The verdict of the crash test sees each kind of broken promise."""

import base64
from dataclasses import replace
from typing import Any

import pytest

from openwx.crashtest.services import Arrival
from openwx.crashtest.traffic import Sent, Written
from openwx.crashtest.verdict import Records, complaints, emptiness, figures, is_unfinished
from openwx.crashtest.wechat import Heard, Told

FRIEND, GROUP = 7, 9
FILE = b"what is in it"


def came(id: str, content: str, webhook_id: str = "", **more: Any) -> Arrival:
    payload = {"post_type": "receive_message", "id": id, "content": content, "format": "text"}
    return Arrival(webhook_id or f"hook-{id}", {**payload, **more})


def file_of(name: str, data: bytes) -> dict[str, str]:
    encoded = base64.b64encode(data).decode()
    return {"format": "media", "media_name": f"{name}.txt", "media_data": encoded}


def ended(uid: str, text: str, code: int = 0, webhook_id: str = "", info: str = "") -> Arrival:
    payload = {"post_type": "send_message", "uid": uid, "content": text, "format": "text"}
    return Arrival(webhook_id or f"hook-{uid}", {**payload, "code": code, "info": info})


def good() -> Records:
    """One of everything, as it should be."""
    sent = Sent(
        chats={"waiting 1.1": FRIEND, "async 2.2": GROUP, "waiting 1.3": FRIEND},
        answered=["waiting 1.1", "waiting 1.3"],
        accepted={"async 2.2": "u2"},
    )
    sent.in_order["waiting 1"] = ["waiting 1.1", "waiting 1.3"]
    return Records(
        written=[
            Written(FRIEND, "message 1", "101"),
            Written(FRIEND, "message 2", "102", FILE),
            Written(GROUP, "message 4", "104"),
            Written(GROUP, "message 5", "105"),
        ],
        told=Told(
            heard=[
                Heard(FRIEND, "waiting 1.1"),
                Heard(GROUP, "async 2.2"),
                Heard(FRIEND, "waiting 1.3"),
                Heard(GROUP, "reply 1 to message 4"),
            ],
            handed_out=frozenset({"101", "102", "104"}),
        ),
        arrivals=[
            came("101", "message 1"),
            came(
                "102",
                "[文件]",
                format="media",
                media_name="message 2.txt",
                media_data=base64.b64encode(FILE).decode(),
            ),
            came("104", "message 4"),
            came("104", "message 4"),
            ended("u1", "waiting 1.1"),
            ended("u2", "async 2.2"),
            ended("u3", "waiting 1.3"),
            ended("u4", "reply 1 to message 4"),
        ],
        sent=sent,
    )


def hearing(records: Records, *heard: Heard) -> Records:
    return replace(records, told=replace(records.told, heard=heard))


def without(records: Records, text: str) -> Records:
    return hearing(records, *(heard for heard in records.told.heard if heard.text != text))


def test_all_is_well() -> None:
    assert complaints(good()) == []
    assert figures(good()).startswith(
        "4 messages written, 3 handed out (1 files), 3 arrived, with 1 repeats"
    )


def lost(r: Records) -> Records:
    return replace(r, arrivals=[a for a in r.arrivals if a.payload.get("id") != "101"])


def inverted(r: Records) -> Records:
    return replace(r, arrivals=[r.arrivals[1], r.arrivals[0], *r.arrivals[2:]])


def doubly_numbered(r: Records) -> Records:
    return replace(r, arrivals=[*r.arrivals, came("101", "message 1", "another")])


def changed(r: Records) -> Records:
    return replace(r, arrivals=[came("101", "messag"), *r.arrivals[1:]])


def cut(r: Records) -> Records:
    return replace(
        r, arrivals=[r.arrivals[0], came("102", "", **file_of("message 2", b"")), *r.arrivals[2:]]
    )


def heard_twice(r: Records) -> Records:
    return hearing(r, *r.told.heard, r.told.heard[0])


def elsewhere(r: Records) -> Records:
    return hearing(r, Heard(GROUP, "waiting 1.1"), *r.told.heard[1:])


def made_up(r: Records) -> Records:
    return hearing(r, *r.told.heard, Heard(FRIEND, "nonsense"))


def sends_inverted(r: Records) -> Records:
    first, second, third, fourth = r.told.heard
    return hearing(r, third, second, first, fourth)


def untold(r: Records) -> Records:
    return replace(r, arrivals=[a for a in r.arrivals if a.payload.get("uid") != "u1"])


def told_twice(r: Records) -> Records:
    return replace(r, arrivals=[*r.arrivals, ended("u1", "waiting 1.1", webhook_id="another")])


def told_as_failed(r: Records) -> Records:
    arrivals = [a for a in r.arrivals if a.payload.get("uid") != "u2"]
    return replace(r, arrivals=[*arrivals, ended("u2", "async 2.2", -1)])


def never_told(r: Records) -> Records:
    return replace(r, arrivals=[a for a in r.arrivals if a.payload.get("uid") != "u2"])


@pytest.mark.parametrize(
    ("broken", "complaint"),
    [
        (lost, "lost: message 1"),
        (inverted, "order: message 2 came before message 1"),
        (doubly_numbered, "message 1: came with 2 webhook-ids"),
        (changed, "message 1: came as 'messag'"),
        (cut, "message 2: its file came as something else (None)"),
        (heard_twice, "waiting 1.1: heard 2 times"),
        (elsewhere, "waiting 1.1: meant for chat 7, heard in 9"),
        (made_up, "nonsense: heard, but never sent"),
        (sends_inverted, "order of sends: waiting 1.3 was heard before waiting 1.1"),
        (untold, "waiting 1.1: heard, never reported"),
        (told_twice, "waiting 1.1: its outcome was reported 2 times"),
        (told_as_failed, "async 2.2: accepted, heard 1 times, reported with -1"),
        (never_told, "async 2.2: accepted, reported as nothing"),
        (lambda r: without(r, "waiting 1.1"), "waiting 1.1: answered with code 0, never heard"),
        (lambda r: without(r, "async 2.2"), "async 2.2: accepted, heard 0 times, reported with 0"),
        (
            lambda r: without(r, "reply 1 to message 4"),
            "the reply to message 4 was executed 0 times",
        ),
    ],
)
def test_a_broken_promise_is_named(broken: Any, complaint: str) -> None:
    assert complaint in complaints(broken(good()))


def test_a_verdict_on_nothing_is_none() -> None:
    assert emptiness(good()) == []
    nothing = Records(written=[], told=Told([], frozenset()), arrivals=[], sent=Sent())
    assert complaints(nothing) == []
    assert [line.partition(": no ")[2] for line in emptiness(nothing)] == [
        "message was handed out",
        "waiting send was answered with code 0",
        "send with async=1 was accepted",
        "reply was wanted",
    ]


def test_what_was_answered_on_a_full_disk_is_excused_where_its_process_died_there() -> None:
    records = untold(good())
    records.sent.without_room["waiting 1.1"] = 3
    assert complaints(records) == ["waiting 1.1: heard, never reported"]
    assert complaints(replace(records, ended_without_room={2, 4})) != []
    assert complaints(replace(records, ended_without_room={3})) == []


# Where a repeated message is shown twice, and people must write again


INTERRUPTED = "openwx was stopped before WeChat answered: the outcome is unknown"


def once() -> Records:
    """One of everything as it should be by iLink: a message came without its id, another one had no taker."""
    records = good()
    records.sent.refused["waiting 1.5"] = 201
    records.sent.unknown |= {"waiting 1.5", "waiting 1.6"}
    records.sent.chats |= {"waiting 1.5": FRIEND, "waiting 1.6": FRIEND}
    return replace(
        records,
        drops_repeats=False,
        written=[*records.written, Written(FRIEND, "message 8", "108")],
        told=replace(
            records.told,
            heard=[*records.told.heard, Heard(FRIEND, "waiting 1.6")],
            handed_out=records.told.handed_out | {"105"},
            dropped=frozenset({"108"}),
            lost_answers=frozenset({"waiting 1.6"}),
        ),
        arrivals=[
            *records.arrivals,
            came("9" * 25, "message 5"),
            ended("u5", "waiting 1.5", 201),
            ended("u6", "waiting 1.6", -1, info="no answer"),
        ],
    )


def test_all_is_well_by_ilink() -> None:
    assert complaints(once()) == []
    assert not is_unfinished(once())
    assert "1 had been acknowledged by nobody when their bot was replaced (0 of them" in figures(
        once()
    )


def test_what_is_dropped_may_have_arrived_and_then_has_its_reply() -> None:
    records = replace(once(), arrivals=[*once().arrivals, came("108", "message 8")])
    complaint = "the reply to message 8 was reported 0 times"
    assert complaints(records) == [complaint]
    assert is_unfinished(records)
    reply = ended("u8", "reply 2 to message 8", -1, info=INTERRUPTED)
    assert complaints(replace(records, arrivals=[*records.arrivals, reply])) == []


def came_as_another(r: Records) -> Records:
    return replace(r, arrivals=[*r.arrivals, came("8" * 25, "message 5")])


def retold(r: Records, uid: str, *outcomes: Arrival) -> Records:
    others = [a for a in r.arrivals if a.payload.get("uid") != uid]
    return replace(r, arrivals=[*others, *outcomes])


def left_behind(r: Records) -> Records:
    told = replace(r.told, dropped=frozenset(), pending=frozenset({"108"}))
    return replace(r, told=told)


@pytest.mark.parametrize(
    ("broken", "complaint"),
    [
        (came_as_another, "message 5: came with 2 webhook-ids"),
        (left_behind, "never fetched: message 8"),
        (
            lambda r: hearing(r, *r.told.heard, Heard(FRIEND, "waiting 1.5")),
            "waiting 1.5: refused with 201, and heard",
        ),
        (
            lambda r: retold(r, "u2", ended("u2", "async 2.2", -1, info="no answer")),
            "async 2.2: its outcome is unknown for no reason (no answer)",
        ),
        (
            lambda r: retold(r, "u6", ended("u6", "waiting 1.6", 201, info="no")),
            "waiting 1.6: heard 1 times, reported with 201 (no)",
        ),
        (
            lambda r: retold(r, "u4"),
            "the reply to message 4 was reported 0 times",
        ),
        (
            lambda r: retold(r, "u4", *(ended(f"u{n}", "reply 1 to message 4") for n in (4, 44))),
            "the reply to message 4 was reported 2 times",
        ),
        (
            lambda r: without(r, "reply 1 to message 4"),
            "reply 1 to message 4: heard 0 times, reported with 0 ()",
        ),
    ],
)
def test_a_broken_promise_of_ilink_is_named(broken: Any, complaint: str) -> None:
    assert complaint in complaints(broken(once()))


def test_a_send_that_was_interrupted_may_be_unknown() -> None:
    records = retold(once(), "u2", ended("u2", "async 2.2", -1, info=INTERRUPTED))
    assert complaints(records) == []
    assert complaints(without(records, "async 2.2")) == []


def test_what_must_occur_by_ilink() -> None:
    assert [line.partition(": no ")[2] for line in emptiness(once())] == [
        "message came twice",
        "send waited for its person",
    ]


def archived(*arrivals: Arrival) -> Records:
    """Add a second backend to the good run, which gets received texts alone."""
    return replace(good(), archived=arrivals)


BOTH = (came("101", "message 1"), came("104", "message 4"))


def test_a_second_backend_that_got_all_is_well() -> None:
    records = archived(*BOTH, BOTH[1])
    assert complaints(records) == []
    assert "2 reports reached the second backend, with 1 repeats" in figures(records)
    assert "no report came to the second backend" in str(emptiness(archived()))


@pytest.mark.parametrize(
    ("arrivals", "complaint"),
    [
        (BOTH[:1], "message 4: did not reach the second backend"),
        (
            (*BOTH, came("102", "", **file_of("message 2", FILE))),
            ": reached the second backend, which was not to get it",
        ),
        (
            (came("101", "message 1", sender="nobody"), BOTH[1]),
            "message 1: reached the second backend as something else",
        ),
    ],
)
def test_what_a_second_backend_should_not_see(
    arrivals: tuple[Arrival, ...], complaint: str
) -> None:
    assert complaints(archived(*arrivals)) == [complaint]


def test_a_second_backend_has_the_order_of_chats() -> None:
    r = good()
    written = [*r.written[:2], Written(FRIEND, "message 4", "104"), r.written[3]]
    told = replace(r.told, heard=[*r.told.heard[:3], Heard(FRIEND, "reply 1 to message 4")])
    r = replace(r, written=written, told=told, archived=BOTH[::-1])
    wrong = "order at the second backend: message 4 came before message 1"
    assert complaints(r) == [wrong]
