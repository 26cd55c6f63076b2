"""The model holds in small sizes, and each of its mutants breaks. ``python -m tests.model`` checks the larger ones."""

import os

import pytest

from tests.model.checker import check, missing
from tests.model.runs import MODEL, MUTANTS, Run

QUICK = [run for run in (*MODEL, *MUTANTS) if run.is_quick]
if "CI" not in os.environ:
    # Of each file one size, and of each of its assertions one mutant that breaks it.
    QUICK = [*{(run.file, run.breaks): run for run in reversed(QUICK)}.values()]


@pytest.fixture(autouse=True)
def programs() -> None:
    if absent := missing():
        words = f"{' and '.join(absent)} not found: install the packages spin and gcc"
        assert "CI" not in os.environ, words
        pytest.skip(words)


@pytest.mark.parametrize("run", QUICK, ids=lambda run: run.name)
def test_the_model_holds_and_its_mutants_break(run: Run) -> None:
    outcome = check(run)
    assert outcome.fits(run), outcome
