"""The client is cheap to import: nothing of the gateway comes with it."""

import subprocess
import sys


def test_nothing_of_the_gateway_is_imported() -> None:
    code = (
        "import sys, openwx.client;"
        "print(*sorted({name.partition('.client')[0] for name in sys.modules if name.startswith('openwx')}),"
        "*sorted({'pydantic', 'sqlite3', 'qrcode', 'magic', 'platformdirs'} & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.split() == ["openwx", "openwx.errors", "openwx.schemas"]
