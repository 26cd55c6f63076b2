"""Draws pictures for messages."""

import io
import math

import png


def hills(width: int = 260, height: int = 150) -> bytes:
    """Draw mountains in the evening."""
    rows = []
    for y in range(height):
        row: list[int] = []
        for x in range(width):
            far = 70 + 22 * math.sin(x / 31) + 10 * math.sin(x / 13)
            near = 105 + 16 * math.sin(x / 23 + 2) + 7 * math.sin(x / 9)
            sun = math.hypot(x - 190, y - 48) < 17
            sky = (250 - y // 2, 196 + y // 4, 150 + y // 2)
            row += (
                (38, 84, 72)
                if y > near
                else (92, 132, 124)
                if y > far
                else (255, 243, 205)
                if sun
                else sky
            )
        rows.append(row)
    file = io.BytesIO()
    png.from_array(rows, "RGB").write(file)
    return file.getvalue()
