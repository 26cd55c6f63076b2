"""The control API of a running simulator, over HTTP."""

from typing import Any

import aiohttp


class Control:
    """``url`` is that of the simulator."""

    def __init__(self, url: str, http: aiohttp.ClientSession) -> None:
        self._url = f"{url}/_simulator"
        self._http = http

    async def get(self, path: str, **query: Any) -> Any:
        async with self._http.get(f"{self._url}/{path}", params=query) as answer:
            return await answer.json()

    async def post(self, path: str, **body: Any) -> Any:
        async with self._http.post(f"{self._url}/{path}", json=body) as answer:
            return await answer.json()
