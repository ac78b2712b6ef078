"""The published file in the making: how much is computed at the same time."""

from __future__ import annotations

import pytest

from warehouse.publish import LARGE_ROWS, _parallelism


@pytest.mark.parametrize(
    ("jobs", "memory", "rows", "expected"),
    [
        (1, "256MB", 10, (1, 1)),
        (2, "256MB", LARGE_ROWS - 1, (2, 1)),
        (16, "256MB", 10, (4, 1)),
        (16, "30MB", 10, (1, 1)),
        (2, "256MB", LARGE_ROWS, (1, 1)),
        (2, "1GB", LARGE_ROWS, (1, 2)),
        (16, "1 GB", LARGE_ROWS, (1, 3)),
        (16, "1.5GiB", LARGE_ROWS, (1, 6)),
        (16, "30MiB", LARGE_ROWS, (1, 1)),
    ],
)
def test_no_more_at_a_time_than_memory_has_room_for(
    jobs: int, memory: str, rows: int, expected: tuple[int, int]
) -> None:
    assert _parallelism(jobs, memory, rows) == expected
