"""Recordings of the real CLI equal what the server billed; hand-made traps are not stepped into."""

from __future__ import annotations

import json
import random
import shutil
from collections.abc import Callable
from decimal import Decimal
from pathlib import Path
from typing import Any

import duckdb
import pytest
import zstandard

from tests.accounting.building import count, counted, sums
from tests.helpers import Warehouse

RECORDINGS = (
    "as_agents_v1_legacy",
    "as_agents_v2",
    "as_compact_paginated_remote",
    "as_goals",
    "as_multi_legacy",
    "as_multi_paginated",
    "as_review",
    "as_rl_multi",
    "as_ws_paginated",
    "exec_json_resume",
    "exec_models",
    "exec_resume",
    "old_0.47.0",
    "old_0.80.0",
    "tui_apikey",
    "x_compress_as_multi_legacy",
)

# Whether adding up `last_token_usage` of all token_count lines of all files gives another sum.
CASES = {
    "01-reemit-unchanged-total": True,
    "02-equal-last-total-advances": False,
    "03-info-null": False,
    "04-total-only-legacy": True,
    "05-explicit-zero-reset-total-only": True,
    "07-compaction-estimate": True,
    "08-context-window-fill": True,
    "09-cached-and-reasoning-subsets": False,
    "10-cache-write-subset": False,
    "11-user-fork-replay-same-second": True,
    "12-user-fork-replay-multi-second": True,
    "14-subagent-fresh-two-requests-one-second": False,
    "15-fork-missing-parent": True,
    "18-empty-fork": True,
    "19-archived-flat-copy": True,
    "20-independent-identical-sessions": False,
    "21-usage-record-plus-token-count": False,
    "22-turn-without-assistant-message": False,
    "25-usage-record-only": True,
    "26-segment-files": False,
    "27-zst-only": False,
    "28-long-context-272000-272001": False,
    "29-priority-tier-in-log": False,
    "30-model-switch": False,
    "32-auto-review-model": False,
}

Rows = list[tuple[Any, ...]]


def rows(connection: duckdb.DuckDBPyConnection, sql: str) -> Rows:
    return connection.execute(sql).fetchall()


def test_lists_are_complete(recordings: Path, cases: Path) -> None:
    assert sorted(p.name for p in recordings.iterdir() if p.is_dir()) == sorted(RECORDINGS)
    assert sorted(p.name for p in cases.iterdir() if p.is_dir()) == sorted(CASES)


@pytest.mark.parametrize("name", RECORDINGS)
def test_recording(name: str, recordings: Path, tmp_path: Path) -> None:
    truth = json.loads((recordings / name / "truth.json").read_text())
    warehouse = count(tmp_path, recordings / name / "codex_home")
    with counted(warehouse, "usage", "usage_excluded", "reconciliation") as connection:
        assert sums(connection) == truth["threads"]
        assert_laws(connection)
        assert_state_is_the_counter(connection, has_database=not name.startswith("old_"))


def test_a_copy_with_other_line_ends_counts_nothing(recordings: Path, tmp_path: Path) -> None:
    home = recordings / "old_0.80.0" / "codex_home"
    copied = shutil.copytree(home, tmp_path / "copy")
    for path in copied.rglob("*.jsonl"):
        path.write_bytes(path.read_bytes().replace(b"\n", b"\r\n"))
    truth = json.loads((home.parent / "truth.json").read_text())
    warehouse = count(tmp_path / "home", home, copied)
    with counted(warehouse, "usage", "usage_excluded", "reconciliation") as connection:
        assert sums(connection) == truth["threads"]
        assert_laws(connection)


@pytest.mark.parametrize(("name", "naive_differs"), CASES.items())
def test_case(name: str, naive_differs: bool, cases: Path, tmp_path: Path) -> None:
    folder = cases / name
    if name == "27-zst-only":
        folder = compressed_copy(folder, tmp_path / "codex")
    expected = json.loads((folder / "expected.json").read_text())["expected"]
    with counted(
        count(tmp_path / "home", folder), "usage", "usage_excluded", "reconciliation"
    ) as connection:
        (ours,) = rows(connection, f"SELECT {spent('')} FROM usage")
        (naive,) = rows(
            connection,
            f"SELECT {spent('last_')} FROM parsed_usage WHERE usage_kind = 'token_count'",
        )
        assert dict(zip(expected, ours, strict=False)) == expected
        assert (naive != ours) == naive_differs
        assert_laws(connection)


def spent(prefix: str) -> str:
    """fresh, cache read, cache write, output and total, as sums."""
    given, cached, written = (
        f"{prefix}{part}_tokens" for part in ("input", "cached_input", "cache_write_input")
    )
    return f"""
        CAST(coalesce(sum({given} - {cached} - coalesce({written}, 0)), 0) AS BIGINT),
        CAST(coalesce(sum({cached}), 0) AS BIGINT),
        CAST(coalesce(sum({written}), 0) AS BIGINT),
        CAST(coalesce(sum({prefix}output_tokens), 0) AS BIGINT),
        CAST(sum({prefix}total_tokens) AS BIGINT)
    """


def assert_laws(connection: duckdb.DuckDBPyConnection) -> None:
    """Laws 1 to 4 of docs/accounting.md, and that every difference is explained."""
    broken = rows(
        connection,
        "SELECT * FROM reconciliation WHERE NOT coalesce(keeps_law_1, TRUE) "
        "OR NOT coalesce(keeps_law_2, TRUE) OR unexplained_tokens <> 0",
    )
    assert broken == []
    flagged = "SELECT count(*) FROM usage WHERE breaks_subset_law"
    assert rows(connection, flagged) == [(0,)]
    told_twice = """
        SELECT source_id, line_number
        FROM (
            SELECT source_id, line_number FROM usage
            UNION ALL
            SELECT source_id, line_number FROM usage_excluded
        )
        GROUP BY ALL
        HAVING count(*) > 1
    """
    assert rows(connection, told_twice) == []
    (all_lines,) = rows(
        connection,
        "SELECT (SELECT count(*) FROM parsed_usage), "
        "(SELECT count(*) FROM usage) + (SELECT count(*) FROM usage_excluded)",
    )
    assert all_lines[0] == all_lines[1]
    (keys,) = rows(
        connection, "SELECT count(*), count(DISTINCT (session_id, response_key)) FROM usage"
    )
    assert keys[0] == keys[1]


def assert_state_is_the_counter(connection: duckdb.DuckDBPyConnection, has_database: bool) -> None:
    """Codex's own number of each thread is its last counter; where it is not ours, it says why."""
    found = rows(
        connection,
        "SELECT counted_tokens, state_tokens_used, is_state_current, state_explanation "
        "FROM reconciliation",
    )
    assert len(found) > 0
    for counted_tokens, state_tokens, is_current, explanation in found:
        assert (state_tokens is not None) == has_database
        if has_database:
            assert is_current
            assert (explanation == "equal") == (state_tokens == (counted_tokens or 0))
            assert explanation


# --- prices ---------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "wanted"),
    [
        (
            "28-long-context-272000-272001",
            [
                ("gpt-5.5", Decimal("1.360000000"), "standard", "base", "listed"),
                ("gpt-5.5", Decimal("2.720010000"), "standard", "long_context", "listed"),
            ],
        ),
        (
            "29-priority-tier-in-log",
            [("gpt-5.5", Decimal("1.250000000"), "priority", "base", "backfilled")],
        ),
        (
            "30-model-switch",
            [
                ("gpt-5.5", Decimal("0.005000000"), "standard", "base", "listed"),
                ("gpt-5.4", Decimal("0.005000000"), "standard", "base", "listed"),
            ],
        ),
        ("32-auto-review-model", [("codex-auto-review", None, "standard", None, "unpriced")]),
    ],
)
def test_prices(name: str, wanted: Rows, cases: Path, tmp_path: Path) -> None:
    with counted(count(tmp_path, cases / name), "usage") as connection:
        found = rows(
            connection,
            "SELECT model, cost_usd, price_tier, price_band, price_confidence FROM usage "
            "ORDER BY line_number",
        )
        assert found == wanted


# --- law 5: what must change nothing --------------------------------------------------------------


def tables(warehouse: Warehouse) -> tuple[Rows, Rows]:
    """All that is counted and all that is not, with reasons and places."""
    with counted(warehouse, "usage", "usage_excluded") as connection:
        return (
            rows(connection, "SELECT * FROM usage ORDER BY ALL"),
            rows(connection, "SELECT * FROM usage_excluded ORDER BY ALL"),
        )


def rollouts(folder: Path) -> list[Path]:
    return sorted(folder.rglob("rollout-*.jsonl*"))


@pytest.fixture
def mixed(recordings: Path, tmp_path: Path) -> Path:
    """A home with forks by copy and by reference, agents, and old formats."""
    target = tmp_path / "codex"
    for name in ("as_multi_legacy", "as_multi_paginated", "as_agents_v1_legacy", "old_0.80.0"):
        for path in rollouts(recordings / name):
            place = target / path.relative_to(recordings / name / "codex_home")
            place.parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(path, place)
    return target


def archive_all(home: Path) -> None:
    (home / "archived_sessions").mkdir(exist_ok=True)
    for path in rollouts(home / "sessions"):
        path.rename(home / "archived_sessions" / path.name)


def rename_all(home: Path) -> None:
    """Other names in another order, in other folders."""
    shuffled = rollouts(home)
    random.Random(5).shuffle(shuffled)
    folder = home / "sessions" / "2030" / "01" / "01"
    folder.mkdir(parents=True)
    for number, path in enumerate(shuffled):
        path.rename(folder / f"rollout-2030-01-01T00-00-{number:02d}-x.jsonl")


def compress_all(home: Path) -> None:
    for path in rollouts(home):
        path.with_name(path.name + ".zst").write_bytes(zstandard.compress(path.read_bytes()))
        path.unlink()


@pytest.mark.parametrize("change", [archive_all, rename_all, compress_all])
def test_moving_changes_nothing(
    change: Callable[[Path], None], mixed: Path, tmp_path: Path
) -> None:
    before = tables(count(tmp_path / "before", mixed))
    change(mixed)
    assert tables(count(tmp_path / "after", mixed)) == before


def test_growth_changes_nothing(mixed: Path, tmp_path: Path) -> None:
    whole = tables(count(tmp_path / "whole", mixed))
    contents = {path: path.read_bytes() for path in rollouts(mixed)}
    for number, (path, content) in enumerate(contents.items()):
        path.write_bytes(content[: len(content) * (number % 4) // 4])
    warehouse = count(tmp_path / "grown", mixed)
    for path, content in contents.items():
        path.write_bytes(content)
    warehouse.sync(jobs=0)
    assert tables(warehouse) == whole


def test_an_older_copy_that_was_read_first_changes_nothing(mixed: Path, tmp_path: Path) -> None:
    def said(warehouse: Warehouse) -> tuple[Rows, Rows]:
        with counted(warehouse, "usage", "usage_excluded", "reconciliation") as connection:
            assert_laws(connection)
            return (
                rows(connection, "SELECT * EXCLUDE (source_id) FROM usage ORDER BY ALL"),
                rows(connection, "SELECT * FROM reconciliation ORDER BY ALL"),
            )

    backup, live = tmp_path / "backup", tmp_path / "live"
    shutil.copytree(mixed, backup)
    for path in rollouts(backup):
        lines = path.read_bytes().splitlines(keepends=True)
        path.write_bytes(b"".join(lines[: max(1, len(lines) // 3)]))
    live.mkdir()
    warehouse = count(tmp_path / "backed", backup, live)
    shutil.copytree(mixed, live, dirs_exist_ok=True)
    warehouse.sync(jobs=0)
    assert said(warehouse) == said(count(tmp_path / "whole", mixed))


def compressed_copy(folder: Path, target: Path) -> Path:
    shutil.copytree(folder, target)
    compress_all(target)
    return target
