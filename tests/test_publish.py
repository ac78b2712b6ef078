"""The published file in the making: how much is computed at the same time."""

from __future__ import annotations

from pathlib import Path

import pytest

from warehouse.lake import Lake, Manifest, Part
from warehouse.publish import LARGE_ROWS, Publication, _parallelism


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


@pytest.mark.parametrize(
    ("rows", "sessions", "threads"),
    [([], 3, 1), ([400_000, 599_999], 3, 1), ([999_999, 2_000_001], 1, 2)],
)
def test_the_longest_table_decides(
    rows: list[int], sessions: int, threads: int, tmp_path: Path
) -> None:
    days = {f"2026-11-{day:02}": Part("", n, 0) for day, n in enumerate(rows, 1)}
    short = {day: Part("", 1, 0) for day in days}
    manifest = Manifest(parts={"parsed_usage": short, "raw_lines": days, "parsed_items": short})
    with Publication(Lake(tmp_path), manifest, "600MB", 3, "UTC") as publication:
        found = publication.connection.execute("SELECT current_setting('threads')").fetchone()
        assert len(publication.sessions) == sessions
    assert found == (threads,)
