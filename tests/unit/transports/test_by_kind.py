"""The names under which an account saves the state of its transports."""

from openwx.transports import by_kind


def test_sessions_of_every_transport_are_found() -> None:
    saved = {
        **by_kind.to_saved("web", {"session": b"1", "contacts": b"2"}),
        **by_kind.to_saved("ilink", {"session": b"3", "cursor": b"4"}),
    }
    assert sorted(by_kind.sessions_in(saved)) == ["ilink.session", "session"]
