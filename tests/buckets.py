"""Buckets of a real S3 server, which runs in this process."""

import logging
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import count

import obstore
from obstore.store import ObjectStore, from_url

from openwx.store.objects import S3Store

_numbers = count(1)


class Bucket:
    """An empty bucket at an endpoint."""

    def __init__(self, endpoint: str) -> None:
        self.name = f"bucket-{next(_numbers)}"
        self.url = f"s3://{self.name}"
        self._endpoint = endpoint
        request = urllib.request.Request(f"{endpoint}/{self.name}", method="PUT")
        urllib.request.urlopen(request).close()

    def listed(self) -> list[str]:
        """Return the paths of all objects."""
        return [one["path"] for page in obstore.list(self._objects) for one in page]

    def overwrite(self, path: str, content: bytes) -> None:
        """Replace an object behind the store's back."""
        obstore.put(self._objects, path, content)

    def delete(self, path: str) -> None:
        """Delete an object behind the store's back."""
        obstore.delete(self._objects, path)

    def store(self) -> S3Store:
        return S3Store(self.url)

    def remove(self) -> None:
        """Remove the empty bucket behind the store's back."""
        request = urllib.request.Request(f"{self._endpoint}/{self.name}", method="DELETE")
        urllib.request.urlopen(request).close()

    @property
    def _objects(self) -> ObjectStore:
        return from_url(self.url, client_options={"allow_http": True})


@contextmanager
def server() -> Iterator[str]:
    """Run the server, and return its endpoint."""
    from moto.server import ThreadedMotoServer

    logging.getLogger("werkzeug").setLevel(logging.ERROR)  # a line for each request
    running = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    running.start()
    try:
        host, port = running.get_host_and_port()
        yield f"http://{host}:{port}"
    finally:
        running.stop()


def variables(endpoint: str) -> dict[str, str]:
    """Return the variables of the environment by which clients reach the server."""
    return {
        "AWS_ENDPOINT_URL": endpoint,
        "AWS_ACCESS_KEY_ID": "who",
        "AWS_SECRET_ACCESS_KEY": "secret",
        "AWS_REGION": "us-east-1",
    }
