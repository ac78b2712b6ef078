"""Ledger files on disk: found, tailed, replaced, moved, lost; and the threads beside them."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import duckdb
import pytest

from tests.accounting.building import counted
from tests.helpers import (
    Codex,
    Warehouse,
    append,
    compressed,
    rewrite_in_place,
    snapshot,
    thread_id,
)
from tests.ledger import oracle
from tests.ledger.generate import ledger
from warehouse.ledger_block import Choice, compatible_block, goal_page, moment
from warehouse.scanning import Root
from warehouse.sources import KINDS

TABLES = (
    "ledgers",
    "goals",
    "attempts",
    "effective_goals",
    "goal_violations",
    "goal_history",
    "goal_threads",
    "goal_usage",
    "goal_audit_candidates",
    "summary",
    "summary_by_goal_type",
    "summary_by_model",
    "summary_by_label",
    "summary_entries",
    "failure_reasons",
    "product_quality",
)


def text(lines: list[str]) -> bytes:
    return "".join(line + "\n" for line in lines).encode()


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "ledgers").mkdir()
    return tmp_path / "ledgers"


def warehouse_of(folder: Path, *roots: Root) -> Warehouse:
    return Warehouse(folder.parent / "home", roots or [Root("ledger", folder, None)])


@contextmanager
def tables(warehouse: Warehouse) -> Iterator[duckdb.DuckDBPyConnection]:
    with counted(warehouse, *TABLES) as connection:
        yield connection


def block(warehouse: Warehouse, choice: Choice = Choice()) -> dict[str, Any]:  # noqa: B008
    with tables(warehouse) as connection:
        return compatible_block(connection, choice)


# --- discovery ------------------------------------------------------------------------------------


def names(root: Path) -> list[str]:
    found = KINDS["ledger"].discover(root, None)
    return [os.path.relpath(each.path, root) for each in found]


def test_ledgers_below_a_folder(folder: Path) -> None:
    (folder / "shop" / "metrics").mkdir(parents=True)
    for name in (
        "shop/metrics/events.ndjson",
        "bob.ndjson",
        "old.ndjson.zst",
        "bob.ndjson.zst",  # its plain twin is there
        ".hidden.ndjson",
        "events.ndjson.tmp",
        "notes.json",
        "events.jsonl",
    ):
        (folder / name).write_bytes(b"")
    assert names(folder) == ["bob.ndjson", "old.ndjson.zst", "shop/metrics/events.ndjson"]


def test_a_file_may_have_any_name(folder: Path) -> None:
    path = folder / "goals.log"
    path.write_bytes(b"")
    (found,) = KINDS["ledger"].discover(path, "ann")
    assert (found.path, found.label, found.kind) == (str(path), "ann", "ledger")


def test_one_ledger_reached_on_two_ways_counts_once(folder: Path) -> None:
    path = folder / "events.ndjson"
    path.write_bytes(text(ledger(1, 20)))
    os.symlink(path, folder / "link.ndjson")
    warehouse = warehouse_of(folder, Root("ledger", folder, None), Root("ledger", path, None))
    assert warehouse.sync().work[0] == 1
    assert block(warehouse) == oracle.block([oracle.Oracle(ledger(1, 20))])


# --- change ---------------------------------------------------------------------------------------


def test_an_appended_ledger_is_read_from_where_it_grew(folder: Path) -> None:
    lines = ledger(2, 60)
    path = folder / "events.ndjson"
    path.write_bytes(text(lines[:50]))
    warehouse = warehouse_of(folder)
    warehouse.sync()
    for start, end in ((50, 51), (51, 80), (80, len(lines))):
        append(path, text(lines[start:end]))
        assert warehouse.sync().work == (1, end - start)
    assert warehouse.sync().work == (0, 0)
    assert block(warehouse) == oracle.block([oracle.Oracle(lines)])

    fresh = Warehouse(folder.parent / "fresh", warehouse.roots)
    fresh.sync()
    same = snapshot(warehouse, ["generation"])
    for name, table in snapshot(fresh, ["generation"]).items():
        assert same[name].equals(table), name


def test_a_torn_last_line_waits_for_its_end(folder: Path) -> None:
    lines = ledger(3, 30)
    path = folder / "events.ndjson"
    torn = text(lines)[:-20]
    path.write_bytes(torn)
    warehouse = warehouse_of(folder)
    warehouse.sync()
    source = warehouse.source
    assert source.deferred_bytes == len(torn) - torn.rfind(b"\n") - 1 > 0
    assert (source.lines, source.rejected_lines) == (len(lines) - 1, 0)
    assert block(warehouse) == oracle.block([oracle.Oracle(lines[:-1])])
    path.write_bytes(text(lines))
    assert warehouse.sync().work == (1, 1)
    assert block(warehouse) == oracle.block([oracle.Oracle(lines)])


@pytest.mark.parametrize("goals", [5, 40, 120])
def test_a_rewritten_ledger_replaces_the_old_one(goals: int, folder: Path) -> None:
    """Shorter, about as long, and longer than what it replaces."""
    path = folder / "events.ndjson"
    path.write_bytes(text(ledger(4, 40)))
    warehouse = warehouse_of(folder)
    warehouse.sync()
    path.write_bytes(text(ledger(5, goals)))
    assert warehouse.sync().work == (1, len(ledger(5, goals)))
    assert len(warehouse.sources) == 1
    assert block(warehouse) == oracle.block([oracle.Oracle(ledger(5, goals))])


def test_a_ledger_changed_in_place_is_found_by_verify(folder: Path) -> None:
    content = text(ledger(6, 20))
    path = folder / "events.ndjson"
    path.write_bytes(content)
    warehouse = warehouse_of(folder)
    warehouse.sync()
    changed = content.replace(b'"attempts": 1,', b'"attempts": 7,')
    rewrite_in_place(path, changed)
    assert warehouse.sync().work == (0, 0)
    assert warehouse.sync(verify=True).work[0] == 1
    assert block(warehouse) == oracle.block([oracle.Oracle(changed.decode().split("\n"))])


def test_moved_compressed_and_relabelled_ledgers_count_once(folder: Path) -> None:
    lines = ledger(7, 30)
    truth = oracle.block([oracle.Oracle(lines)])
    path = folder / "events.ndjson"
    path.write_bytes(text(lines))
    warehouse = warehouse_of(folder)
    warehouse.sync()

    warehouse.roots = [Root("ledger", folder, "ann")]
    assert warehouse.sync().work == (0, 0)
    assert block(warehouse, Choice(label="ann")) == truth

    (folder / "shop").mkdir()
    path = path.rename(folder / "shop" / "events.ndjson")
    assert warehouse.sync().work == (0, 0)
    assert block(warehouse) == truth

    packed = path.with_name("events.ndjson.zst")
    packed.write_bytes(compressed(text(lines)))
    path.unlink()
    assert warehouse.sync().work == (0, 0)
    assert block(warehouse) == truth
    assert list(warehouse.states().values()) == ["present"]


@pytest.mark.parametrize("was_away", [False, True])
def test_a_ledger_that_moved_and_grew_counts_once(was_away: bool, folder: Path) -> None:
    """A renamed project goes on being worked on before the next build sees it."""
    lines = ledger(7, 30)
    path = folder / "events.ndjson"
    path.write_bytes(text(lines[:-5]))
    (folder / "notes.ndjson").write_bytes(text(lines[:3]))  # begins alike, and stays
    warehouse = warehouse_of(folder)
    warehouse.sync()
    kept = [oracle.Oracle(lines[:3])]
    if was_away:
        elsewhere = path.rename(folder.parent / "elsewhere")
        warehouse.sync()
        path = elsewhere
    (folder / "shop").mkdir()
    path = path.rename(folder / "shop" / "events.ndjson")
    append(path, text(lines[-5:]))
    assert warehouse.sync().work == (1, 5)
    assert block(warehouse) == oracle.block([oracle.Oracle(lines), *kept])
    assert list(warehouse.states().values()) == ["present", "present"]

    # what only begins as the lost one did, and has less, is another ledger
    path.unlink()
    (folder / "other.ndjson").write_bytes(text([*lines[:-5], *ledger(8, 30)]))
    warehouse.sync()
    other = oracle.Oracle([*lines[:-5], *ledger(8, 30)])
    assert block(warehouse) == oracle.block([oracle.Oracle(lines), *kept, other])


def test_a_deleted_ledger_keeps_its_goals(folder: Path) -> None:
    lines = ledger(8, 30)
    path = folder / "events.ndjson"
    path.write_bytes(text(lines))
    warehouse = warehouse_of(folder)
    warehouse.sync()
    path.unlink()
    warehouse.sync()
    assert warehouse.states() == {"events.ndjson": "missing"}
    assert block(warehouse) == oracle.block([oracle.Oracle(lines)])


def test_an_empty_ledger(folder: Path) -> None:
    (folder / "events.ndjson").write_bytes(b"")
    warehouse = warehouse_of(folder)
    warehouse.sync()
    assert block(warehouse) == oracle.block([oracle.Oracle([])])
    with tables(warehouse) as connection:
        (page,) = goal_page(connection)["ledgers"]
    assert (page["state"], page["lines"], page["events"]) == ("present", 0, 0)


def test_ledgers_do_not_share_a_bucket_with_rollouts(tmp_path: Path, folder: Path) -> None:
    """An event must not have a week of rollouts written anew."""
    codex = Codex(tmp_path / "codex")
    codex.write(1, 4)
    (folder / "events.ndjson").write_bytes(text(ledger(1, 10)))
    warehouse = warehouse_of(folder, Root("codex", codex.root, None), Root("ledger", folder, None))
    warehouse.sync()
    assert len(warehouse.buckets("raw_lines")) == 2


# --- threads beside ledgers -----------------------------------------------------------------------


def test_goals_find_the_threads_that_worked_on_them(tmp_path: Path, folder: Path) -> None:
    """Cost and tokens of usage, for the goal in whose window each response lies."""
    project = folder / "shop"
    (project / "metrics").mkdir(parents=True)
    codex = Codex(tmp_path / "codex")
    # from second 4 on, every other second a response of 22 tokens
    codex.write(1, 120, cwd=str(project))
    codex.write(2, 20, cwd=str(project / "api"))
    codex.write(3, 20, cwd="/elsewhere")

    def goal(number: int, start: str, end: str | None, **fields: Any) -> dict[str, Any]:
        return {
            "goal_id": f"2026-03-04-{number:03d}",
            "status": "success" if end else "in_progress",
            "attempts": 1,
            "started_at": f"2026-03-04T{start}Z",
            "finished_at": end and f"2026-03-04T{end}Z",
            **fields,
        }

    goals = [
        goal(1, "09:00:00", "10:01:00"),
        goal(2, "10:00:30", "10:00:50", tokens_total=5),
        goal(3, "10:01:30", None),
        goal(4, "12:00:00", "13:00:00", thread_id=thread_id(3)),
    ]
    events = [{"event_type": "goal_finished", "goal": each} for each in goals]
    (project / "metrics" / "events.ndjson").write_bytes(text([json.dumps(e) for e in events]))
    warehouse = warehouse_of(folder, Root("codex", codex.root, None), Root("ledger", folder, None))
    warehouse.sync()

    with tables(warehouse) as connection:
        rows = connection.execute(
            "SELECT right(goal_id, 1), right(session_id, 1), link_rule, confidence, "
            "usage_responses, usage_tokens_total, round(share, 4) FROM goal_threads ORDER BY ALL"
        ).fetchall()
        assert rows == [
            ("1", "1", "project", "likely", 18, 18 * 22, round(18 / 44, 4)),
            ("1", "2", "project", "likely", 9, 9 * 22, 1.0),
            ("2", "1", "project", "likely", 10, 10 * 22, round(10 / 44, 4)),
            ("3", "1", "project", "possible", 16, 16 * 22, round(16 / 44, 4)),
            ("4", "3", "thread", "certain", 9, 9 * 22, 1.0),
        ]
        shares = connection.execute(
            "SELECT session_id FROM goal_threads GROUP BY session_id "
            "HAVING abs(sum(share) - 1) > 1e-12"
        ).fetchall()
        assert shares == []
        goals_read = connection.execute(
            "SELECT right(goal_id, 1), tokens_total_known, usage_tokens_total, cost_source "
            "FROM effective_goals ORDER BY goal_id"
        ).fetchall()
        assert goals_read == [
            ("1", None, 27 * 22, None),  # no model, so no price either
            ("2", 5, None, None),
            ("3", None, 16 * 22, None),
            ("4", None, 9 * 22, None),
        ]
        (row,) = connection.execute(
            "SELECT total_tokens, known_token_successes, usage_tokens_total, any_token_successes, "
            "any_cost_per_success_tokens FROM summary"
        ).fetchall()
        assert row == (5, 1, 36 * 22, 3, pytest.approx((36 * 22 + 5) / 3))
        # the compatible block knows what the ledger says, and nothing else
        assert compatible_block(connection)["total_tokens"] == 5


# --- choosing goals -------------------------------------------------------------------------------


def test_choosing_goals(folder: Path) -> None:
    """By time, project and label; what is chosen adds up as the oracle adds it up."""
    contents = {"shop": ledger(10, 80), "shop-api": ledger(11, 40), "blog": ledger(12, 20)}
    roots = []
    for name, lines in contents.items():
        metrics = folder / name / "metrics"
        metrics.mkdir(parents=True)
        (metrics / "events.ndjson").write_bytes(text(lines))
        roots.append(Root("ledger", metrics / "events.ndjson", name.upper()))
    truths = {name: oracle.Oracle(lines) for name, lines in contents.items()}
    warehouse = warehouse_of(folder, *roots)
    warehouse.sync()

    def chosen(since: datetime | None = None, until: datetime | None = None) -> dict[str, Any]:
        found = oracle.Oracle([])
        for truth in truths.values():
            for goal in truth.effective:
                at = goal["finished_at"] or goal["started_at"]
                if (since is None or at >= since) and (until is None or at < until):
                    found.effective.append(goal)
            for entry in truth.entries.values():
                at = datetime.fromisoformat(entry["finished_at"] or entry["started_at"])
                if (since is None or at >= since) and (until is None or at < until):
                    found.entries[f"{id(truth)} {entry['entry_id']}"] = entry
        return oracle.block([found])

    since, until = datetime(2026, 1, 2, tzinfo=UTC), datetime(2026, 1, 3, 12, tzinfo=UTC)
    with tables(warehouse) as connection:

        def ours(**choice: Any) -> dict[str, Any]:
            return compatible_block(connection, Choice(**choice))

        assert ours() == oracle.block(list(truths.values())) == chosen()
        assert ours(since=since) == chosen(since)
        assert ours(until=until) == chosen(None, until)
        assert ours(since=since, until=until) == chosen(since, until)
        assert 0 < ours(since=since, until=until)["closed_tasks"] < ours()["closed_tasks"]
        shop = oracle.block([truths["shop"]])
        for project in ("shop", str(folder / "shop"), f"{folder}/shop/"):
            assert ours(project=project) == shop, project
        assert ours(project=str(folder)) == ours()
        assert ours(label="BLOG") == oracle.block([truths["blog"]])
        assert ours(label="BLOG", project="shop") == oracle.block([])
        assert ours(label="nobody") == oracle.block([])
        # the connection's own tables are as they were
        rows = connection.execute("SELECT closed_goals FROM summary").fetchall()
        assert rows == [(ours()["closed_tasks"],)]


def test_moments_of_options() -> None:
    assert moment("9999-12-31", "America/New_York", is_end=True).year == 9999  # for "no end"
    assert moment("2026-01-02", "UTC") == datetime(2026, 1, 2, tzinfo=UTC)
    assert moment("2026-01-02", "Europe/Berlin") == datetime(2026, 1, 1, 23, tzinfo=UTC)
    assert moment("2026-01-02", "UTC", is_end=True) == datetime(2026, 1, 3, tzinfo=UTC)
    assert moment("2026-01-02T10:00", "Europe/Berlin") == datetime(2026, 1, 2, 9, tzinfo=UTC)
    assert moment("2026-01-02T10:00:00Z", "Europe/Berlin") == datetime(2026, 1, 2, 10, tzinfo=UTC)
    for wrong in ("yesterday", "", "2026-13-01"):
        with pytest.raises(Exception, match="is no day or time; write it like 2026-11-21"):
            moment(wrong, "UTC")
