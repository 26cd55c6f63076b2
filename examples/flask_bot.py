"""A bot backend in Flask: commands, a picture, and a file that it saves.

Point openwx at it:

    [report]
    post_api = "http://127.0.0.1:8000/"

Run it: pip install flask, then python examples/flask_bot.py [PORT]
"""

import base64
import sys
from datetime import datetime
from typing import Any

from flask import Flask, jsonify, request
from flask.typing import ResponseReturnValue

app = Flask(__name__)

HELP = "你可以说：时间、回声 <文字>、图片"


def answer(upload: dict[str, Any]) -> dict[str, str]:
    """What to say to an upload; an empty answer says nothing."""
    if upload["post_type"] != "receive_message" or upload["type"] != "friend_message":
        return {}
    if upload["format"] == "media":
        # The bytes are in media_data (base64) too, if post_media_data is on.
        where = upload.get("media_path") or upload.get("media_error")
        print(f"{upload['sender']} sent {upload['media_type']}: {where}", flush=True)
        return {"reply": f"收到{upload['media_type']}"}
    if upload["format"] != "text":
        return {}
    command, _, rest = upload["content"].partition(" ")
    match command:
        case "时间":
            return {"reply": f"{datetime.now():%H:%M}"}
        case "回声":
            return {"reply": rest or "……"}
        case "图片":
            # A URL or a local path; text and picture may come together, the text first.
            return {"reply": "给你", "media": f"{request.url_root}picture.png"}
        case _:
            return {"reply": HELP}


@app.post("/")
def handle() -> ResponseReturnValue:
    return jsonify(answer(request.get_json()))


@app.get("/picture.png")
def picture() -> ResponseReturnValue:
    one_pixel = "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mP8z8DwHwAFBQIAX8jx0gAAAABJRU5ErkJggg=="
    return base64.b64decode(one_pixel), {"Content-Type": "image/png"}


if __name__ == "__main__":
    app.run(port=int(sys.argv[1]) if len(sys.argv) > 1 else 8000)
