"""Whatever stands in a call, the simulated iLink service answers it in its own format."""

from __future__ import annotations

import copy
from collections.abc import Iterator
from typing import Any

import pytest

from openwx.simulator import ILinkOptions
from openwx.simulator.media import JPEG

from .bot_client import APP, BASE_INFO, BotClient, Json, file_item, image_item

NASTY: list[Any] = [
    None, True, 0, 1, -1, 1.5, 2**70, "", "x", "\ud800", "é" * 3, [], [[]], {}, {"x": []}, [{"type": {}}],
]  # fmt: skip
CODES = {0, -1, -2, -4, -14}


def spoilt(whole: Any) -> Iterator[Any]:
    """Yield copies in which one thing, at any depth, is something nasty."""
    if isinstance(whole, dict | list):
        keys = list(whole) if isinstance(whole, dict) else list(range(len(whole)))
        for key in keys:
            for other in spoilt(whole[key]):
                copied = copy.copy(whole)
                copied[key] = other
                yield copied
    yield from NASTY


async def sends(bot: BotClient, path: str, body: Any) -> int:
    answer = await bot.post(path, body)
    assert answer["ret"] in CODES, answer
    return int(answer["ret"])


async def bodies_of(bot: BotClient, path: str) -> list[Json]:
    """Return bodies that are good."""
    person = bot.newest["from_user_id"]
    if path == "sendmessage":
        image, file = await bot.upload(JPEG, "image"), await bot.upload(JPEG, "file")
        items = (
            image_item(image, JPEG),
            file_item(file, JPEG, "a"),
            {"type": 1, "text_item": {"text": "x"}},
        )
        return [{"msg": bot.message(item)} for item in items]
    if path == "sendtyping":
        ticket = (await bot.call("getconfig", ilink_user_id=person))["typing_ticket"]
        return [{"ilink_user_id": person, "typing_ticket": ticket, "status": 1}]
    if path == "getuploadurl":
        announced = {
            "filekey": "0" * 32, "media_type": 1, "to_user_id": person, "rawsize": 1, "rawfilemd5": "0" * 32,
            "filesize": 16, "no_need_thumb": True, "aeskey": "0" * 32,
        }  # fmt: skip
        return [announced]
    return [{"get_updates_buf": ""} if path == "getupdates" else {"ilink_user_id": person}]


@pytest.mark.parametrize(
    "path", ["sendmessage", "getupdates", "getuploadurl", "getconfig", "sendtyping"]
)
async def test_every_spoilt_body_is_answered(
    asked: BotClient, options: ILinkOptions, path: str
) -> None:
    options.budget = 0
    count = 0
    for body in await bodies_of(asked, path):
        whole = {**body, "base_info": BASE_INFO}
        assert await sends(asked, path, whole) == 0
        for bad in spoilt(whole):
            await sends(asked, path, bad)
            count += 1
    assert count >= 3 * len(NASTY)


async def test_every_spoilt_list_of_tokens_is_answered(stranger: BotClient) -> None:
    for bad in spoilt({"local_token_list": ["a", "b"]}):
        assert await sends(stranger, "get_bot_qrcode?bot_type=3", bad) in (0, -2)


@pytest.mark.parametrize(
    "body", [b"", b"{", b"[1]", b"\xff", b'{"a":1e999}', b"{" * 2000, b"1" * 5000]
)
async def test_what_is_no_json_is_refused(bot: BotClient, body: bytes) -> None:
    headers = {
        **APP, "AuthorizationType": "ilink_bot_token", "X-WECHAT-UIN": "MQ==",
        "Authorization": f"Bearer {bot.token}",
    }  # fmt: skip
    url = f"{bot.url}/ilink/bot/getupdates"
    async with bot.http.post(url, data=body, headers=headers) as answer:
        assert (answer.status, b"invalid arguments" in await answer.read()) == (200, True)
