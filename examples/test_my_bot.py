"""An example of tests for a bot: tests of echo_bot.py against a simulated WeChat.

    python3 -m venv .venv && .venv/bin/pip install '.[testing]'
    .venv/bin/pytest examples/test_my_bot.py

The fixture starts the bot as a process, so it can be written in any language and with any framework.
"""

import secrets
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

BOT = Path(__file__).with_name("echo_bot.py")


@pytest.fixture
def openwx_post_api() -> Iterator[str]:
    """Run the bot during a test. The gateway POSTs its reports to the address."""
    while listens(port := 20_000 + secrets.randbelow(10_000)):
        pass  # until nobody has it; ports above are for programs that ask for any
    bot = subprocess.Popen([sys.executable, str(BOT), str(port)], stdout=subprocess.DEVNULL)
    try:
        while not listens(port):
            assert bot.poll() is None, "the bot has ended"
            time.sleep(0.02)
        yield f"http://127.0.0.1:{port}/"
    finally:
        bot.terminate()
        bot.wait()


def listens(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


def test_a_friend_gets_an_echo(wechat, openwx_gateway):
    friend = wechat.friend("小灰")
    friend.says("你好")
    assert friend.hears_text() == "你说：你好"


def test_it_is_silent_in_a_group(wechat, openwx_gateway):
    group, friend = wechat.group("PERL学习交流"), wechat.friend("小灰")
    group.member_says(group.others[0], "大家好")
    while openwx_gateway.client.outbox(state="waiting"):
        pass  # until the bot has received the report
    friend.says("你好")
    assert friend.hears_text() == "你说：你好"
    assert group.texts == []


def test_it_does_not_answer_itself(wechat, openwx_gateway):
    openwx_gateway.client.send_friend_message("你好", displayname="小灰")
    friend = wechat.friend("小灰")
    friend.says("再见")
    friend.hears(2)
    assert friend.texts == ["你好", "你说：再见"]
