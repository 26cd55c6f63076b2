"""The published client wechatbot-sdk (PyPI), unmodified but for its constant addresses.

Run as `run_wechatbot.py URL FOLDER`.
"""

from __future__ import annotations

import asyncio
import importlib
import sys
from typing import Any

from lines import ANSWER, emit, emit_medium  # type: ignore[import-not-found]


async def main(url: str, folder: str) -> None:
    package: Any = importlib.import_module("wechatbot")
    importlib.import_module("wechatbot.auth").FIXED_QR_BASE_URL = url  # type: ignore[attr-defined]
    importlib.import_module("wechatbot.client").CDN_BASE_URL = f"{url}/c2c"  # type: ignore[attr-defined]
    bot = package.WeChatBot(
        base_url=url,
        cred_path=f"{folder}/credentials.json",
        on_qr_url=lambda link: emit("code", link=link),
        on_error=lambda error: emit("error", error=str(error)),
    )
    credentials = await bot.login()
    emit("login", user=credentials.user_id)

    async def heard(message: Any) -> None:
        if message.text == "bye":
            bot.stop()
        elif message.type == "text":
            emit("message", text=message.text)
            await bot.send_typing(message.user_id)
            await bot.reply(message, ANSWER)
        else:
            file = await bot.download(message)
            emit_medium(file.type, file.data, file.file_name or "")
            content = {file.type: file.data, "file_name": file.file_name or "x"}
            await bot.reply_media(message, content)

    bot.on_message(heard)
    await bot.start()


if __name__ == "__main__":
    asyncio.run(main(*sys.argv[1:]))
