"""The published client weixin-ilink-client (PyPI), unmodified but for its constant address.

Run as `run_weixin_ilink.py URL FOLDER`. It accepts https alone; SSL_CERT_FILE names whom to trust.
"""

from __future__ import annotations

import asyncio
import importlib
import sys
from typing import Any

from lines import ANSWER, emit, emit_medium  # type: ignore[import-not-found]


async def main(url: str, _folder: str) -> None:
    package: Any = importlib.import_module("weixin_ilink_client.client")
    types: Any = importlib.import_module("weixin_ilink_client.types")
    for name in ("protocol", "auth"):
        module: Any = importlib.import_module(f"weixin_ilink_client.{name}")
        module.DEFAULT_API_BASE_URL = url
    options = package.ClientOptions(cdn_base_url=f"{url}/c2c")
    client = package.AsyncWeixinIlinkClient(await log_in(), options=options)
    stop = asyncio.Event()

    async def heard(message: Any) -> None:
        if message.text == "bye":
            stop.set()
            return
        (item,) = message.items
        if item.media_kind is None:
            emit("message", text=message.text)
            await client.set_typing(message.from_user_id, types.TypingStatus.TYPING)
            await client.send_text(message.from_user_id, ANSWER)
            return
        file = await client.download_media(item)
        emit_medium(file.kind.value, file.content, item.file_name)
        name = item.file_name or file.file_name
        await client.send_media(message.from_user_id, file.content, kind=file.kind, file_name=name)

    await client.run(heard, stop_event=stop)
    await client.aclose()


async def log_in() -> Any:
    """Show a code until it is confirmed, and return the credentials."""
    auth: Any = importlib.import_module("weixin_ilink_client.auth")
    manager = auth.QrLoginManager()
    session = await manager.start()
    emit("code", link=session.qrcode_url)
    while (credentials := (await manager.poll(session)).credentials) is None:
        pass
    await manager.aclose()
    emit("login", user=credentials.user_id)
    return credentials


if __name__ == "__main__":
    asyncio.run(main(*sys.argv[1:]))
