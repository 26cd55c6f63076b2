"""Uploads and the check before them (reference, 6)."""

from __future__ import annotations

import hashlib
import json
from typing import Any

import aiohttp
import pytest

from openwx.simulator import Account, Fault, Simulator
from openwx.simulator.media import JPEG, PNG, bytes_of

from .web_client import WebClient

CHUNK = 512 * 1024
MIB = 2**20


async def test_a_small_file(client: WebClient, account: Account) -> None:
    answer = await client.upload(JPEG, "pic", name="a b & c.jpg")
    assert answer["BaseResponse"]["Ret"] == 0
    assert answer["MediaId"].startswith("@crypt_")
    assert (answer["StartPos"], answer["CDNThumbImgHeight"]) == (len(JPEG), 100)
    assert answer["EncryFileName"] == "a%20b%20%26%20c.jpg"
    file = account.media[answer["MediaId"]]
    assert (file.data, file.name, file.kind) == (JPEG, "a b & c.jpg", "pic")
    assert (file.mime, file.md5) == ("image/jpeg", hashlib.md5(JPEG).hexdigest())


async def test_chunks(client: WebClient, account: Account, simulator: Simulator) -> None:
    data = bytes_of(2 * CHUNK + 77, 3)
    media_id = (await client.upload(data))["MediaId"]
    assert account.media[media_id].data == data
    calls = simulator.calls_of("webwxuploadmedia")
    assert [call.body["chunk"] for call in calls] == ["0", "1", "2"]
    assert all(call.part is None and not call.raw for call in calls), "the bytes are not kept twice"


async def test_only_the_last_chunk_brings_the_media_id_and_repeats_do_no_harm(
    client: WebClient, account: Account
) -> None:
    data = bytes_of(CHUNK + 5, 4)

    async def chunk(number: int) -> dict[str, Any]:
        part = data[number * CHUNK : (number + 1) * CHUNK]
        form = {"chunks": 2, "chunk": number}
        return await client.upload_chunk(
            part, data, "doc", name="x", form=form, request={"ClientMediaId": 77}
        )

    first, again = await chunk(0), await chunk(0)
    assert first["MediaId"] == again["MediaId"] == ""
    last, repeated = await chunk(1), await chunk(1)
    assert last["MediaId"] == repeated["MediaId"] != ""
    assert (await chunk(0))["MediaId"] == ""
    assert [file.data for file in account.media.values()] == [data]


async def test_a_lost_answer_of_a_chunk(
    client: WebClient, account: Account, simulator: Simulator
) -> None:
    simulator.faults.add("webwxuploadmedia", Fault.LOSE_ANSWER, times=1)
    request = {"ClientMediaId": 5}
    with pytest.raises(aiohttp.ClientError):
        await client.upload(PNG, "pic", request=request)
    (media_id,) = account.media
    assert (await client.upload(PNG, "pic", request=request))["MediaId"] == media_id


@pytest.mark.parametrize(
    ("kind", "form", "request_"),
    [
        ("audio", {}, {}),
        ("doc", {"size": 1}, {}),
        ("doc", {"size": "big"}, {}),
        ("doc", {"chunk": 1, "chunks": 1}, {}),
        ("doc", {"chunk": 1, "chunks": 2}, {}),
        ("doc", {"chunk": -1, "chunks": 2}, {}),
        ("doc", {"size": ""}, {"TotalLen": 99}),
        ("doc", {"size": 0}, {"TotalLen": 0}),
        ("doc", {}, {"FileMd5": "0" * 32}),
        ("doc", {}, {"FromUserName": "@another"}),
        ("doc", {}, {"ToUserName": "@nobody"}),
        ("pic", {"size": 20 * MIB + 1}, {"TotalLen": 20 * MIB + 1}),
        ("video", {"size": 20 * MIB + 1}, {"TotalLen": 20 * MIB + 1}),
        ("doc", {"size": 25 * MIB + 1}, {"TotalLen": 25 * MIB + 1}),
        ("doc", {"uploadmediarequest": "no json"}, {}),
        ("doc", {}, {"BaseRequest": {}}),
    ],
)
async def test_uploads_that_are_refused(
    client: WebClient, account: Account, kind: str, form: dict[str, Any], request_: dict[str, Any]
) -> None:
    answer = await client.upload(PNG, kind, form=form, request=request_)
    assert answer["BaseResponse"]["Ret"] != 0
    assert account.media == {}


async def test_chunks_that_are_too_long_or_empty(client: WebClient, account: Account) -> None:
    data = bytes_of(CHUNK + 1)
    for chunk, form in ((data, {}), (b"", {"chunks": 2, "chunk": 0})):
        answer = await client.upload_chunk(chunk, data, "doc", name="x", form=form, request={})
        assert answer["BaseResponse"]["Ret"] == 1
    assert account.media == {}


async def test_a_wrong_data_ticket_and_a_broken_form(client: WebClient) -> None:
    answer = await client.upload(PNG, "pic", form={"webwx_data_ticket": "gSother"})
    assert answer["BaseResponse"]["Ret"] == 1102
    url = f"{client.url}/cgi-bin/mmwebwx-bin/webwxuploadmedia"
    headers = {"Content-Type": "multipart/form-data; boundary=xyz"}
    async with client.http.post(url, data=b"--abc\r\nnonsense", headers=headers) as response:
        assert '"Ret":1101' in await response.text()


@pytest.mark.parametrize(
    ("head", "name"),
    [
        (b'name="filename"; filename="a b.txt"', "a b.txt"),
        ('name="filename"; filename="报告.txt"'.encode(), "报告.txt"),
        (b"name=filename; filename*=utf-8''a.txt", "utf-8''a.txt"),
    ],
)
async def test_forms_as_clients_write_them(
    client: WebClient, account: Account, head: bytes, name: str
) -> None:
    """The form has no `name`, `type` and `id`; the bytes contain line ends."""
    data = b"\r\n--\r\n\0\xff--x\r\n"
    request = {
        "BaseRequest": client.base, "ClientMediaId": 1, "TotalLen": len(data),
        "FromUserName": client.me, "ToUserName": client.me,
    }  # fmt: skip
    fields = {
        "mediatype": "doc", "uploadmediarequest": json.dumps(request),
        "webwx_data_ticket": client.cookie("webwx_data_ticket"),
    }  # fmt: skip
    body = b"".join(
        f'--xyz\r\nContent-Disposition: form-data; name="{field}"\r\n\r\n{value}\r\n'.encode()
        for field, value in fields.items()
    )
    body += b"--xyz\r\nContent-Disposition: form-data; " + head + b"\r\n\r\n" + data
    url = f"{client.url}/cgi-bin/mmwebwx-bin/webwxuploadmedia"
    headers = {"Content-Type": "multipart/form-data; boundary=xyz"}
    async with client.http.post(url, data=body + b"\r\n--xyz--\r\n", headers=headers) as answer:
        assert json.loads(await answer.read())["BaseResponse"]["Ret"] == 0
    (file,) = account.media.values()
    assert (file.data, file.name) == (data, name)


async def test_the_session_of_an_upload_is_in_its_form(client: WebClient, account: Account) -> None:
    """A browser's page on the main host sends no cookies to the file host."""
    ticket = client.cookie("webwx_data_ticket")
    client.http.cookie_jar.clear()
    client.cookie = lambda name: ticket  # type: ignore[method-assign]
    assert (await client.upload(PNG, "pic"))["BaseResponse"]["Ret"] == 0
    account.phone.logs_out_web()
    assert (await client.upload(PNG, "pic"))["BaseResponse"]["Ret"] == 1100


async def test_browsers_ask_first(client: WebClient) -> None:
    url = f"{client.url}/cgi-bin/mmwebwx-bin/webwxuploadmedia"
    async with client.http.options(url, headers={"Origin": "https://wx.qq.com"}) as answer:
        assert answer.headers["Access-Control-Allow-Origin"] == "https://wx.qq.com"


async def test_a_big_file_needs_the_check(client: WebClient, account: Account) -> None:
    data = bytes_of(25 * MIB + 1, 9)
    md5 = hashlib.md5(data).hexdigest()
    body = {"FileMd5": md5, "FileName": "big", "FileSize": len(data), "FileType": 7}
    checked = await client.post("webwxcheckupload", body)
    assert checked["MediaId"] == ""
    wrong = {"AESKey": checked["AESKey"], "Signature": "x"}
    assert (await client.upload(data, request=wrong))["BaseResponse"]["Ret"] == 1
    shown = {"AESKey": checked["AESKey"], "Signature": checked["Signature"]}
    media_id = (await client.upload(data, request=shown))["MediaId"]
    assert account.media[media_id].size == len(data)
    assert (await client.post("webwxcheckupload", body))["MediaId"] == media_id
    assert (await client.send_file("filehelper", "big", media_id))["BaseResponse"]["Ret"] == 1
    signed = await client.send_file("filehelper", "big", media_id, Signature=shown["Signature"])
    assert signed["BaseResponse"]["Ret"] == 0
    assert (await client.post("webwxcheckupload", {}))["BaseResponse"]["Ret"] == 1


async def test_media_that_are_measured_and_not_kept(
    client: WebClient, account: Account, simulator: Simulator
) -> None:
    simulator.settings.keep_media = False
    data = bytes_of(3 * CHUNK, 2)
    file = account.media[(await client.upload(data))["MediaId"]]
    assert (file.size, file.md5) == (len(data), hashlib.md5(data).hexdigest())
    assert not file.is_kept
    with pytest.raises(LookupError, match="were not kept"):
        _ = file.data


async def test_a_media_id_outlives_the_login_but_not_the_time(
    client: WebClient, account: Account, simulator: Simulator
) -> None:
    media_id = (await client.upload(PNG, "pic"))["MediaId"]
    account.phone.logs_out_web()
    await client.log_in(account)

    async def send() -> int:
        answer = await client.send_kind("webwxsendmsgimg", "filehelper", 3, MediaId=media_id)
        return int(answer["BaseResponse"]["Ret"])

    assert await send() == 0
    simulator.settings.media_known_s = 0
    assert await send() == 1


async def test_two_files_with_one_client_media_id(client: WebClient, account: Account) -> None:
    """Whether the first is complete or not, the second is refused."""
    first, second = bytes_of(600_000, 1), bytes_of(600_000, 2)
    form = {"chunks": 2, "chunk": 0}
    request = {"ClientMediaId": 7}
    begun = await client.upload_chunk(
        first[: 512 * 1024], first, "doc", name="x", form=form, request=request
    )
    assert begun["BaseResponse"]["Ret"] == 0
    for _ in range(2):
        answer = await client.upload(second, request=request)
        assert answer["BaseResponse"]["Ret"] == 1
        assert (await client.upload(first, request=request))["MediaId"] != ""
    assert [file.data for file in account.media.values()] == [first]
