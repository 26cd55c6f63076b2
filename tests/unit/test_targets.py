"""``[[report.targets]]`` and ``headers``: their checks, their defaults, and what an account inherits."""

from pathlib import Path
from typing import Any

import pytest

from openwx.accounts.private_targets import addresses_of, given_by_caller, trusted_backends
from openwx.config import AccountSettings, ReportSettings, Settings, load
from openwx.config.given import account_from_texts
from openwx.config.targets import MOST, Target
from openwx.errors import ConfigError

API = "http://127.0.0.1:8000/"
OTHER = "http://127.0.0.1:8001/wx"


def read(tmp_path: Path, text: str, **environ: str) -> Settings:
    path = tmp_path / "config.toml"
    path.write_text(text, encoding="utf-8")
    return load(path, environ, {}).settings


def effective(settings: ReportSettings) -> dict[str, Target]:
    return {target.name: target for target in settings.all_targets()}


def test_what_is_left_out_comes_from_report_but_no_secret() -> None:
    targets = effective(
        ReportSettings(
            post_api=API,
            secret="s",
            headers={"X-Key": "k"},
            timeout=3,
            tries=2,
            verify=False,
            post_message_filter={"a": "b"},
            targets=[{"url": OTHER}, {"url": OTHER, "name": "own", "timeout": 9, "tries": 7}],
        )
    )
    assert list(targets) == ["post_api", "127.0.0.1:8001", "own"]
    first, plain, own = targets.values()
    assert (first.secret, first.headers, first.filter) == ("s", {"X-Key": "k"}, {"a": "b"})
    assert (plain.secret, plain.headers, plain.filter) == (None, {}, {})
    assert (plain.timeout, plain.tries, plain.verify) == (3, 2, False)
    assert (own.timeout, own.tries) == (9, 7)
    assert [target.may_reply for target in targets.values()] == [True, False, False]


def test_the_host_post_api_needs_another_name(tmp_path: Path) -> None:
    """Such names are usual among containers, and the deliveries of two targets would be one."""
    table = '[[report.targets]]\nurl = "http://post_api/wx"\n'
    words = r"report\.targets\[0\] must have a name: without one it is called post_api"
    with pytest.raises(ConfigError, match=words):
        read(tmp_path, table)
    assert list(effective(read(tmp_path, f'{table}name = "bot"\n').report)) == ["bot"]
    with pytest.raises(ConfigError, match=r"^targets\[0\] must have a name"):
        account_from_texts({"targets": '[{"url": "http://post_api/wx"}]'})


@pytest.mark.parametrize(
    ("url", "name"),
    [
        ("http://user:password@bot.example/secret?key=secret", "bot.example"),
        ("https://Bot.Example:8443/", "bot.example:8443"),
        ("http://[::1]:8000/", "[::1]:8000"),
    ],
)
def test_a_name_has_nothing_that_may_be_secret(url: str, name: str) -> None:
    assert list(effective(ReportSettings(targets=[{"url": url}]))) == [name]


def test_the_first_of_the_list_may_reply_without_a_post_api() -> None:
    several = [{"url": API}, {"url": OTHER}, {"url": OTHER, "name": "third", "reply": True}]
    settings = ReportSettings(targets=several)
    assert [target.may_reply for target in settings.all_targets()] == [True, False, True]


WRONG = [
    ("3", "report.targets must be a list ([[report.targets]]), not a number"),
    ("[3]", "report.targets[0] must be a table, not a number"),
    ("[{}]", "report.targets[0].url is missing"),
    ('[{ url = "" }]', "report.targets[0].url must be an http:// or https:// address"),
    ('[{ url = "ftp://x" }]', "report.targets[0].url must be an http:// or https:// address"),
    ('[{ url = "http://x", nam = "x" }]', "report.targets[0].nam is unknown; did you mean name?"),
    ('[{ url = "http://x", name = "a b" }]', "report.targets[0].name must be up to 64 letters"),
    ('[{ url = "http://x", name = "post_api" }]', "must be another name"),
    ('[{ url = "http://x" }, { url = "http://x/y" }]', "has two targets called x: give number 2"),
    ('[{ url = "http://x", post_types = ["login"] }]', "must be one of receive_message, send_mes"),
    ('[{ url = "http://x", formats = ["picture"] }]', "must be one of text, media"),
    ('[{ url = "http://x", events = ["new_friend"] }]', "which post_event_list leaves out"),
    ('[{ url = "http://x", filter = { a = 1 } }]', "filter.a must be text in quotes, not a number"),
    ('[{ url = "http://x", timeout = 0 }]', "timeout must be a number of seconds from 0.1"),
    ('[{ url = "http://x", tries = 0 }]', "tries must be a whole number from 1 to 100"),
    ('[{ url = "http://x", reply = "yes" }]', "reply must be true or false"),
    ('[{ url = "http://x", ca = "/nowhere" }]', "there is no such file"),
    ('[{ url = "http://x", headers = { Host = "x" } }]', "must not have Host: openwx sets that"),
    (str([f"http://h{n}" for n in range(MOST + 1)]), "targets[0] must be a table"),
]


@pytest.mark.parametrize(("value", "words"), WRONG, ids=[words[-30:] for _, words in WRONG])
def test_what_is_wrong_is_named(tmp_path: Path, value: str, words: str) -> None:
    with pytest.raises(ConfigError) as wrong:
        read(tmp_path, f"[report]\ntargets = {value}")
    assert words in str(wrong.value).replace("not 1", "not a number")
    assert "\n" not in str(wrong.value)


@pytest.mark.parametrize("own_list", ["", 'post_event_list = ["login"]'])
def test_an_account_s_targets_get_recorded_events(tmp_path: Path, own_list: str) -> None:
    """The list that counts for the account is its own, or else that of ``[report]``."""
    account = f"""
        [accounts.default]
        {own_list}
        targets = [{{ url = "http://x", events = ["new_friend"] }}]
    """
    with pytest.raises(ConfigError) as wrong:
        read(tmp_path, account)
    assert "accounts default.targets[0].events has new_friend, which post_event_list" in str(
        wrong.value
    )
    if not own_list:
        read(tmp_path, f'[report]\npost_event_list = ["new_friend"]\n{account}')


def test_there_are_not_too_many() -> None:
    several = [{"url": f"http://h{n}"} for n in range(MOST + 1)]
    with pytest.raises(ValueError, match="at most 16 targets, not 17"):
        ReportSettings(targets=several)


@pytest.mark.parametrize(
    "headers",
    [
        {"Content-Type": "x"},
        {"webhook-id": "x"},
        {"User-Agent": "x"},
        {"Transfer-Encoding": "chunked"},
        {"": "x"},
        {"a b": "x"},
        {"a:b": "x"},
        {"a\r\nb": "x"},
        {"a\u00e4": "x"},
        {"A": "s3cret\r\nB: c"},
        {"A": "s3cret\n"},
        {"A": " s3cret"},
        {"A": "s3cret\0"},
        {"A": "s3crét"},
        {"A": "s3cret" * 1000},
        {"A": 3},
        {"A": None},
        {"A": "x", "a": "y"},
        {f"A{n}": "x" for n in range(51)},
        ["A"],
        "A: s3cret",
    ],
)
def test_headers_that_could_break_a_request_are_refused_without_their_values(headers: Any) -> None:
    for settings in ({"headers": headers}, {"targets": [{"url": API, "headers": headers}]}):
        with pytest.raises(ValueError, match="headers") as wrong:
            ReportSettings(**settings)
        assert "s3c" not in str(wrong.value)


def test_an_account_with_its_own_backend_does_not_get_the_headers_of_the_other() -> None:
    report = ReportSettings(post_api=API, headers={"A": "b"}, targets=[{"url": OTHER}])

    def of(**own: Any) -> ReportSettings:
        return AccountSettings(**own).report_over(report)

    assert of().headers == {"A": "b"}
    assert of(post_api=API).headers == {"A": "b"}
    assert of(post_api=OTHER).headers == {}
    assert of(post_api=OTHER, headers={"C": "d"}).headers == {"C": "d"}
    assert [target.called for target in of(post_api=OTHER).targets] == ["127.0.0.1:8001"]
    assert of(targets=[]).targets == []
    assert list(effective(of(targets=[{"url": API, "name": "own"}]))) == ["post_api", "own"]


def test_they_can_be_given_as_variables_and_by_callers(tmp_path: Path) -> None:
    settings = read(
        tmp_path,
        f'[report]\npost_api = "{API}"',
        OPENWX_REPORT__TARGETS=f'[{{"url": "{OTHER}", "formats": ["media"]}}]',
        OPENWX_REPORT__HEADERS='{"A": "b"}',
        OPENWX_ACCOUNTS__WORK__TARGETS="[]",
    )
    assert settings.report.headers == {"A": "b"}
    assert list(effective(settings.report)) == ["post_api", "127.0.0.1:8001"]
    assert list(effective(settings.report_for("work"))) == ["post_api"]
    account, unknown = account_from_texts({"targets": f'[{{"url": "{OTHER}"}}]'})
    assert (unknown, account.targets[0].url) == ([], OTHER)
    with pytest.raises(ConfigError, match=r"targets\[0\]\.ca must be the path of a PEM file with"):
        account_from_texts({"targets": f'[{{"url": "{OTHER}", "ca": "/etc/passwd"}}]'})


def test_what_a_caller_gave_is_judged_and_trusted_for_nothing() -> None:
    configured = Settings(report=ReportSettings(post_api=API, targets=[{"url": OTHER}]))
    same = AccountSettings(targets=[{"url": OTHER}])
    other = AccountSettings(targets=[{"url": OTHER}, {"url": "http://10.0.0.1/"}])
    assert given_by_caller(configured, same) == frozenset()
    assert given_by_caller(configured, other) == {"targets"}
    assert addresses_of(other, {"targets"}) == {
        "targets[0].url": OTHER,
        "targets[1].url": "http://10.0.0.1/",
    }
    report = other.report_over(configured.report)
    assert [str(url) for url in trusted_backends(report, {"targets"})] == [API]
    assert len(trusted_backends(report, ())) == 3
