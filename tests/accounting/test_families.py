"""Random families of threads: our numbers are those of the account that the family keeps."""

from __future__ import annotations

import tempfile
from pathlib import Path

import hypothesis.strategies as st
import pytest
from hypothesis import HealthCheck, example, given, settings

from tests.accounting import families
from tests.accounting.building import count, counted, sums
from tests.accounting.test_truth import assert_laws

steps = st.lists(
    st.tuples(
        st.sampled_from(families.STEPS),
        st.integers(0, 11),
        st.integers(0, 23),
        st.integers(0, 9),
    ),
    min_size=1,
    max_size=14,
)

# Dialects as `start` numbers them.
V080, V117, V144, V169, PAGINATED = range(5)


def assert_true(taken: list[families.Step]) -> None:
    family = families.make(taken)
    with tempfile.TemporaryDirectory() as folder:
        home = Path(folder)
        (home / "codex").mkdir()
        family.write(home / "codex", archive=3, compress=4)
        warehouse = count(home / "home", home / "codex")
        with counted(warehouse, "usage", "usage_excluded", "reconciliation") as connection:
            assert sums(connection) == family.truth()
            assert_laws(connection)


@settings(max_examples=8, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@example([("start", V080, 3, 0), ("twins", 0, 7, 0)])  # equal next turns, no ids
@example(  # a window filled first of all, in a fork whose base is gone
    [("start", PAGINATED, 0, 0), ("fork", 0, 0, 0), ("fill", 1, 0, 0), ("lose", 0, 0, 0)]
)
@example(
    [
        ("start", V144, 0, 0),
        ("fork", 0, 0, 4),
        ("turn", 1, 2, 2),
        ("upgrade", 1, 0, 0),
        ("turn", 1, 5, 1),
    ]
)
@example(
    [
        ("start", V080, 0, 0),
        ("fork", 0, 0, 0),
        ("turn", 1, 2, 2),
        ("upgrade", 1, 2, 0),
        ("turn", 1, 5, 1),
    ]
)
@example([("start", V080, 0, 0), ("fork", 0, 0, 4), ("turn", 1, 3, 2), ("lose", 0, 0, 0)])
@example(
    [
        ("start", V169, 0, 0),
        ("fork", 0, 0, 4),
        ("fork", 1, 0, 0),
        ("lose", 0, 0, 0),
        ("lose", 1, 0, 0),
    ]
)
@example(
    [
        ("start", V169, 0, 0),
        ("fork", 0, 1, 0),
        ("turn", 1, 2, 2),
        ("migrate", 1, 0, 0),
        ("fork", 1, 0, 0),
    ]
)
@example(
    [
        ("start", V169, 0, 0),
        ("agent", 0, 1, 4),
        ("agent", 0, 0, 0),
        ("copy", 1, 3, 0),
        ("turn", 1, 1, 1),
    ]
)
@example(
    [
        ("start", PAGINATED, 0, 0),
        ("turn", 0, 4, 2),
        ("revert", 0, 0, 0),
        ("turn", 0, 2, 1),
        ("fork", 0, 0, 0),
    ]
)
@example(
    [
        ("start", V117, 0, 0),
        ("agent", 0, 2, 0),
        ("compact", 1, 0, 0),
        ("fill", 1, 0, 0),
        ("turn", 1, 1, 2),
    ]
)
@example(  # the newer CLI writes a part of the counter that the older one did not know
    [("start", V144, 0, 0), ("upgrade", 0, 0, 0), ("fail", 0, 0, 0), ("turn", 0, 1, 1)]
)
@given(steps)
def test_family(taken: list[families.Step]) -> None:
    assert_true(taken)


@pytest.mark.slow
@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(steps)
def test_many_families(taken: list[families.Step]) -> None:
    assert_true(taken)
