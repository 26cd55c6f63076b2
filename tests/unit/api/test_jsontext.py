"""JSON that is read by pieces comes to what it comes to as a whole."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from openwx.api import json_body
from openwx.errors import CallerError

TEXT = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=60)
NAMES = st.text(
    st.characters(exclude_categories=["Cs"], exclude_characters="\0_", max_codepoint=0xFFFF),
    max_size=7,
)
SCALARS = st.none() | st.booleans() | st.integers() | TEXT
NESTED = st.recursive(
    SCALARS, lambda inner: st.lists(inner) | st.dictionaries(NAMES, inner), max_leaves=20
)


@pytest.fixture(autouse=True)
def small_pieces(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(json_body, "LONG", 50)
    monkeypatch.setattr(json_body, "_PIECE", 13)


def as_text(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(value)


@given(st.dictionaries(NAMES, SCALARS), st.booleans(), st.sampled_from([None, 2]))
def test_texts_numbers_and_the_like(
    members: dict[str, Any], plain: bool, indent: int | None
) -> None:
    data = json.dumps(members, ensure_ascii=plain, indent=indent).encode()
    texts = json_body.read_json(data, "body", None)
    assert texts.values == {
        name: as_text(value) for name, value in members.items() if value is not None
    }


@given(st.dictionaries(NAMES, NESTED), TEXT)
def test_what_is_not_known_may_be_anything(members: dict[str, Any], content: str) -> None:
    data = json.dumps(members).encode()
    assert json_body.read_json(data, "body", {"no such name"}).values == {}
    data = json.dumps({**members, "content": content}).encode()
    texts = json_body.read_json(data, "body", {"content"})
    assert texts.values == {"content": content}


@given(st.text(alphabet='{}[]",:\\ \n1nul', max_size=60))
def test_anything_else_is_refused_as_json_refuses_it(text: str) -> None:
    try:
        parsed = json.loads(text)
    except ValueError:
        with pytest.raises(CallerError):
            json_body.read_json(text.encode(), "body", {"content"})
        return
    if isinstance(parsed, dict):
        assert json_body.read_json(text.encode(), "body", {"content"}).values == {}
    else:
        with pytest.raises(CallerError, match="object"):
            json_body.read_json(text.encode(), "body", {"content"})
