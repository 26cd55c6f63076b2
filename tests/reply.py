"""An answer of the API, as tests read it."""

from dataclasses import dataclass
from typing import Any

import msgspec


@dataclass
class Reply:
    """An answer of the API, read to its end."""

    status: int
    body: bytes
    headers: dict[str, str]

    @property
    def json(self) -> Any:
        return msgspec.json.decode(self.body)

    @property
    def code(self) -> int:
        code = self.json["code"]
        assert isinstance(code, int)
        return code

    @property
    def words(self) -> str:
        return str(self.json["status"])
