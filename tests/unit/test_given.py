"""Settings of an account as a caller of the API gives them, in texts."""

import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from openwx.config import AccountSettings
from openwx.config.given import account_from_texts, check_account_name, with_our_names
from openwx.errors import ConfigError


@pytest.mark.parametrize(
    ("texts", "key", "value"),
    [
        ({"post_event_list": "login,stop"}, "post_event_list", ["login", "stop"]),
        ({"post_event_list": " login , "}, "post_event_list", ["login"]),
        ({"post_event_list": '["login", "stop"]'}, "post_event_list", ["login", "stop"]),
        ({"post_event_list": "[]"}, "post_event_list", []),
        ({"post_message_filter": '{"type":"friend_message"}'}, "post_message_filter", {"type": "friend_message"}),
        ({"post_event": "1"}, "post_event", True),
        ({"post_event": "2"}, "post_event", True),
        ({"post_event": "0.0"}, "post_event", False),
        ({"post_media_data": "false"}, "post_media_data", False),
        ({"send_interval": "0.5"}, "send_interval", 0.5),
        ({"poll_interval": "7"}, "poll_interval", 7.0),
        ({"tries": "1"}, "tries", 1),
        ({"numbers": "true"}, "numbers", True),
        ({"verify": "0"}, "verify", False),
        ({"ca": ""}, "ca", None),
        ({"transport": "ilink"}, "transport", "ilink"),
        ({"plugin_openwx_post_event": "1"}, "post_event", True),
        ({"plugin_openwx_post_event": "1", "post_event": "0"}, "post_event", False),
        ({"post_event": "0", "plugin_openwx_post_event": "1"}, "post_event", False),
    ],
)  # fmt: skip
def test_texts_become_settings(texts: dict[str, str], key: str, value: object) -> None:
    settings, strange = account_from_texts(texts)
    assert getattr(settings, key) == value
    assert settings.model_fields_set == {key}
    assert strange == []
    # What is kept of them says the same.
    assert account_from_texts(with_our_names(texts)) == (settings, [])


@pytest.mark.parametrize(
    ("texts", "words"),
    [
        ({"post_event_list": "login,dance"}, ["post_event_list", "login"]),
        ({"post_event_list": "{}"}, ["post_event_list", "list"]),
        ({"post_message_filter": "type"}, ["post_message_filter", "table"]),
        ({"post_event": "maybe"}, ["post_event", "true or false"]),
        ({"plugin_openwx_post_event": "maybe"}, ["post_event", "true or false"]),
        ({"send_tries": "0"}, ["send_tries"]),
        ({"queue_size": "many"}, ["queue_size", "number"]),
        ({"transport": "pigeon"}, ["transport", "ilink"]),
        ({"login_mode": "phone"}, ["login_mode", "desktop"]),
        ({"base_url": "ftp://example.org"}, ["base_url"]),
    ],
)
def test_what_cannot_be_is_named(texts: dict[str, str], words: list[str]) -> None:
    with pytest.raises(ConfigError) as raised:
        account_from_texts(texts)
    assert all(word in str(raised.value) for word in words), str(raised.value)


@settings(deadline=None)
@given(
    st.dictionaries(
        st.sampled_from([*AccountSettings.model_fields, "plugin_openwx_post_api", "x", ""]),
        st.text()
        | st.recursive(
            st.none() | st.booleans() | st.floats() | st.text(),
            lambda inner: (
                st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3)
            ),
        ).map(json.dumps)
        | st.sampled_from(["9" * 5000, "[" * 50_000, "1e999", "-0", "http://[", "whsec_"]),
    )
)
def test_any_texts_are_settings_or_one_line(texts: dict[str, str]) -> None:
    try:
        account_from_texts(texts)
    except ConfigError as error:
        line = str(error)
    else:
        line = "fine"
    assert line.isprintable()
    assert len(line) < 1500


def test_what_means_nothing_is_reported() -> None:
    settings, strange = account_from_texts(
        {"tmpdir": "/t", "plugin_openwx_port": "1", "post_event": "1"}
    )
    assert settings.post_event
    assert strange == ["plugin_openwx_port", "tmpdir"]


@pytest.mark.parametrize("name", ["", ".x", "a/b", "a b", "帐号", "x" * 65, "a\n", "../a"])
def test_names_that_no_account_can_have(name: str) -> None:
    with pytest.raises(ConfigError, match="^client "):
        check_account_name(name)


@pytest.mark.parametrize("name", ["a", "-", "_x", "weixin_client_01", "a.b-c", "x" * 64])
def test_names_for_accounts(name: str) -> None:
    check_account_name(name)
