"""Every example of ``/openapi.json`` is played against the real server: it still ends so, in every style.

``OPENWX_RECORD_EXAMPLES=1`` writes what it sees into the package instead of comparing.
"""

import importlib
import os
from collections.abc import Mapping
from pathlib import Path

import msgspec
import pytest

from openwx.api.app import routes
from openwx.api.openapi.examples import FOLDER, Recorded
from openwx.config import EVENTS
from openwx.transports.web import mutations
from tests.examples import reports
from tests.examples.book import Example, Scene, Topic, as_recorded, play, shape
from tests.examples.places import opened
from tests.functional.world import Json

RECORDS = bool(os.environ.get("OPENWX_RECORD_EXAMPLES"))
FORMATS = (
    "text", "media", "app", "card", "revoke", "payment", "location", "notice", "unknown",
)  # fmt: skip
TOPICS = (
    "info", "chats", "sending", "recall", "consult", "groups", "friends", "avatars", "events", "accounts",
    "outbox", "everywhere",
)  # fmt: skip


def topic(name: str) -> Topic:
    examples: Topic = importlib.import_module(f"tests.examples.{name}").TOPIC
    return examples


def recorded(name: str) -> dict[str, list[Recorded]]:
    path = FOLDER / f"{name}.json"
    if not path.exists():
        return {}
    return msgspec.json.decode(path.read_bytes(), type=dict[str, list[Recorded]])


def test_every_route_has_a_success_and_what_is_wrong_with_its_parameters() -> None:
    examples = {
        name: found for one in TOPICS if one != "everywhere" for name, found in topic(one).items()
    }
    assert examples.keys() == {row.name for row in routes()}
    for row in routes():
        found = examples[row.name]
        assert len({one.about for one in found}) == len(found), row.name
        assert any(one.code == 0 for one in found), row.name
        # What nothing can be wrong with, but what is wrong everywhere.
        if row.model is not None and any(row.model.model_fields):
            assert any(one.code == -2 for one in found), row.name


@pytest.mark.parametrize("name", TOPICS)
async def test_every_example_ends_as_recorded(name: str, tmp_path: Path) -> None:
    examples = topic(name)
    played: dict[tuple[str, str], Recorded] = {}
    for place in dict.fromkeys(one.place for found in examples.values() for one in found):
        (tmp_path / place).mkdir()
        async with opened(place, tmp_path / place) as scene:
            for route, found in examples.items():
                for example in found:
                    if example.place == place:
                        played[route, example.about] = await in_all_styles(scene, route, example)
    if RECORDS:
        record(name, examples, played)
    known = {(route, one.about): one for route, found in recorded(name).items() for one in found}
    assert known.keys() == played.keys()
    for which, seen in played.items():
        assert shaped(seen) == shaped(known[which]), which


async def in_all_styles(scene: Scene, route: str, example: Example) -> Recorded:
    """Play an example in each style; what it came to in the first, which is what it came to in all."""
    places = {
        str(scene.world.data_dir.parent): "/srv/openwx",
        scene.world.simulator.url: "https://wx.qq.com",
        f"127.0.0.1:{scene.world.simulator.port}": "wx.qq.com:443",
        f"{scene.world.simulator.port}": "443",
        "2 changes are": f"{mutations.MAX_PENDING} changes are",
        "within 1 seconds": "within 120 seconds",  # a place's limits, and the usual ones
    }
    first: Recorded | None = None
    expected: object = None
    for style in example.styles:
        seen = await play(scene, route, example, style)
        here = shaped(seen, scene.words)
        if first is None:
            first, expected = msgspec.convert(as_recorded(seen, places), Recorded), here
        assert here == expected, f"{route}, {example.about}: otherwise in {style}"
    assert first is not None
    return first


def shaped(seen: Recorded, words: Mapping[str, str] | None = None) -> object:
    return shape(msgspec.to_builtins(seen), words or {})


def record(name: str, examples: Topic, played: Mapping[tuple[str, str], Recorded]) -> None:
    """Write what was seen; what is in the package already stays where it is still so."""
    former = {(route, one.about): one for route, found in recorded(name).items() for one in found}
    found = {
        route: [
            former[which]
            if which in former and shaped(former[which]) == shaped(played[which])
            else played[which]
            for which in ((route, one.about) for one in examples[route])
        ]
        for route in examples
    }
    FOLDER.mkdir(exist_ok=True)
    data = msgspec.json.format(msgspec.json.encode(found), indent=1)
    (FOLDER / f"{name}.json").write_bytes(data + b"\n")


# -- reports ---------------------------------------------------------------------------------------------

Reports = dict[str, dict[str, Json]]
"""By format or event, and by what they are about."""


def test_every_format_and_every_event_has_an_example() -> None:
    assert reports.MESSAGES.keys() == set(FORMATS)
    assert reports.EVENTS.keys() == set(EVENTS)


@pytest.mark.parametrize("name", ["messages", "events"])
async def test_every_report_is_as_recorded(name: str, tmp_path: Path) -> None:
    acts = reports.MESSAGES if name == "messages" else reports.EVENTS
    seen: Reports = {}
    async with opened("telling", tmp_path) as scene:
        here = {
            str(scene.world.data_dir.parent): "/srv/openwx",
            f"127.0.0.1:{scene.world.simulator.port}": "wx.qq.com",
        }
        for kind, happens in acts.items():
            seen[kind] = {
                about: as_recorded(await come(scene), here) for about, come in happens.items()
            }
    path = FOLDER / f"post_api_{name}.json"
    known: Reports = msgspec.json.decode(path.read_bytes()) if path.exists() else {}
    if RECORDS:
        known = {
            kind: {
                about: former
                if (former := known.get(kind, {}).get(about))
                and shape(former, {}) == shape(now, {})
                else now
                for about, now in found.items()
            }
            for kind, found in seen.items()
        }
        path.write_bytes(msgspec.json.format(msgspec.json.encode(known), indent=1) + b"\n")
    assert shape(seen, {}) == shape(known, {})
