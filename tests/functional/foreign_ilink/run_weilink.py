"""The published client weilink (PyPI), unmodified but for its constant addresses.

Run as `run_weilink.py URL FOLDER`.
"""

from __future__ import annotations

import importlib
import sys
from functools import partial
from typing import Any

from lines import ANSWER, emit, emit_medium  # type: ignore[import-not-found]


def main(url: str, folder: str) -> None:
    package: Any = importlib.import_module("weilink")
    protocol: Any = importlib.import_module("weilink._protocol")
    cdn: Any = importlib.import_module("weilink._cdn")
    cdn.CDN_BASE = f"{url}/c2c"
    protocol.get_qr_code = partial(protocol.get_qr_code, base_url=url)
    protocol.poll_qr_status = partial(protocol.poll_qr_status, base_url=url)
    with package.WeiLink(base_path=folder) as client:
        emit("login", user=client.login().user_id)
        while not any(answered(client, message) for message in client.recv()):
            pass


def answered(client: Any, message: Any) -> bool:
    """Answer a message. Return whether it was the last one."""
    if message.text == "bye":
        return True
    kind = message.msg_type.name.lower()
    if kind == "text":
        emit("message", text=message.text)
        client.send_typing(message.from_user)
        done = client.send(message.from_user, ANSWER)
    else:
        data = client.download(message)
        name = message.file.file_name if message.file else ""
        emit_medium(kind, data, name)
        named = {"file_name": name} if name else {}
        done = client.send(message.from_user, **{kind: data}, **named)
    if not done.success:
        emit("error", error=str(done))
    return False


if __name__ == "__main__":
    main(*sys.argv[1:])
