"""The published file in the making: how much is computed at the same time."""

from __future__ import annotations

from pathlib import Path

import duckdb
import pytest

from warehouse.lake import Lake, Manifest, Part
from warehouse.models import ModelError, load_models
from warehouse.publish import LARGE_ROWS, Publication, PublishError, _parallelism
from warehouse.settings import memory_bytes


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
    assert _parallelism(jobs, memory_bytes(memory), rows) == expected


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
    with Publication(Lake(tmp_path), manifest, 600_000_000, 3, "UTC") as publication:
        found = publication.connection.execute("SELECT current_setting('threads')").fetchone()
        assert len(publication.sessions) == sessions
    assert found == (threads,)


GREEDY = """/*
description: Something that DuckDB can do in memory only
grain: one row
key: [source_id]
columns: [source_id, lines]
scope: global
*/
SELECT
    string_agg(CAST(n AS VARCHAR), '') AS source_id,
    count(*) AS lines
FROM range(3_000_000) AS t(n)
"""


@pytest.mark.parametrize("is_fixed", [False, True])
def test_more_memory_than_the_default_is_taken_where_it_must_be(
    tmp_path: Path, is_fixed: bool
) -> None:
    path = tmp_path / "sql" / "session" / "greedy.sql"
    path.parent.mkdir(parents=True)
    path.write_text(GREEDY)
    (model,) = load_models(tmp_path / "sql")
    lake = Lake(tmp_path)
    with Publication(
        lake, lake.manifest(), 40_000_000, 1, "UTC", is_limit_fixed=is_fixed
    ) as publication:
        if is_fixed:
            with pytest.raises(ModelError, match="the setting memory_limit allows more"):
                publication.run(model, publication.connection)
        else:
            assert publication.run(model, publication.connection).rows == 1


def test_a_full_disk_is_told_in_a_line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: object) -> None:
        raise duckdb.IOException("IO Error: Could not write file: No space left on device")

    monkeypatch.setattr("warehouse.publish.comment", fail)
    expected = "the build cannot be written: .*No space left"
    with (
        pytest.raises(PublishError, match=expected),
        Publication(Lake(tmp_path), Manifest(), 600_000_000, 1, "UTC") as publication,
    ):
        publication.publish([], "", {}, 2, "standard")
    assert list((tmp_path / "lake" / "builds").iterdir()) == []
