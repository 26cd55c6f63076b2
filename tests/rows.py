"""Rows of one test that share its world: for what leaves nothing behind, so that a gateway need not start for each."""

import functools
import inspect
from collections.abc import Awaitable, Callable, Iterable
from typing import Any

Test = Callable[..., Awaitable[None]]


def rows(names: str | tuple[str, ...], values: Iterable[Any]) -> Callable[[Test], Test]:
    """As ``pytest.mark.parametrize``, but all rows one after the other in one test. Each row begins without reports.

    Every row is run; what fails names its row.
    """
    keys = [key.strip() for key in names.split(",")] if isinstance(names, str) else list(names)
    table = [tuple(row) if len(keys) > 1 else (row,) for row in values]

    def decorate(test: Test) -> Test:
        @functools.wraps(test)
        async def all_rows(**fixtures: Any) -> None:
            wrong: list[Exception] = []
            for row in table:
                try:
                    await test(**dict(zip(keys, row, strict=True)), **fixtures)
                except Exception as error:
                    error.add_note(f"in the row {row!r:.300}")
                    wrong.append(error)
                if "receiver" in fixtures:
                    fixtures["receiver"].forget()
            if wrong:
                raise ExceptionGroup(f"{len(wrong)} of {len(table)} rows", wrong)

        signature = inspect.signature(test)
        rest = [one for name, one in signature.parameters.items() if name not in keys]
        all_rows.__signature__ = signature.replace(parameters=rest)  # type: ignore[attr-defined]
        return all_rows

    return decorate
