"""A bot backend in Flask that answers commands, sends a picture and acknowledges media.

Set its address in the configuration of openwx:

    [report]
    post_api = "http://127.0.0.1:8000/"

Run it: .venv/bin/pip install flask, then .venv/bin/python examples/flask_bot.py [PORT]
"""

import base64
import sys
from datetime import datetime
from typing import Any

from flask import Flask, jsonify, request
from flask.typing import ResponseReturnValue

app = Flask(__name__)

HELP = "你可以说：时间、回声 <文字>、图片"


def answer(report: dict[str, Any]) -> dict[str, str]:
    """Return the answer to a report. An empty answer sends nothing."""
    if report["post_type"] != "receive_message" or report["type"] != "friend_message":
        return {}
    if report["format"] == "media":
        # With post_media_data, media_data has the bytes in base64 too.
        where = report.get("media_path") or report.get("media_error")
        print(f"{report['sender']} sent {report['media_type']}: {where}", flush=True)
        return {"reply": f"收到{report['media_type']}"}
    if report["format"] != "text":
        return {}
    command, _, rest = report["content"].partition(" ")
    match command:
        case "时间":
            return {"reply": f"{datetime.now():%H:%M}"}
        case "回声":
            return {"reply": rest or "……"}
        case "图片":
            # media is a URL or a local path. With a reply, the text is sent first.
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
