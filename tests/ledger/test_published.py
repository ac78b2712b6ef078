"""Ledgers through a whole build: settings in, the published warehouse out."""

from __future__ import annotations

import json
from pathlib import Path

from tests.ledger.test_reference import assert_same
from warehouse.build import Build, run
from warehouse.ledger_block import Choice, compatible_block, goal_page
from warehouse.query import open_warehouse
from warehouse.settings import Settings, SourceSetting


def test_block_of_the_published_warehouse(logs: Path, tmp_path: Path) -> None:
    """Read-only and locked as it is; each ledger by its label as the reference has it."""
    settings = Settings(
        home=tmp_path / "home",
        timezone="Europe/Berlin",
        jobs=1,
        sources=[
            SourceSetting(kind="ledger", path=str(logs / f"{name}.ndjson"), label=name)
            for name in ("small", "mixed")
        ],
    )
    with Build(settings) as build:
        failed = [check for check in run(build).checks if not check.passed]
        assert failed == []
    with open_warehouse(settings) as connection:
        for name in ("small", "mixed"):
            block = compatible_block(connection, Choice(label=name))
            reference = json.loads((logs / f"{name}.summary.json").read_text())
            assert_same(block, reference["summary"], name)
        page = goal_page(connection)
        whole = compatible_block(connection)
        assert page["summary"]["closed_goals"] == whole["closed_tasks"] == 153
        assert [row["label_group"] for row in page["by_label"]] == ["mixed", "small"]
        assert sum(row["closed_goals"] for row in page["by_model"]) == 153
        assert {row["label"] for row in page["ledgers"]} == {"mixed", "small"}
        stored = connection.execute("SELECT closed_goals, total_cost_usd FROM summary").fetchone()
        assert stored is not None
        assert (stored[0], float(stored[1])) == (153, whole["total_cost_usd"])


def test_strict_privacy_hides_where_ledgers_lie(logs: Path, tmp_path: Path) -> None:
    settings = Settings(
        home=tmp_path / "home",
        timezone="UTC",
        jobs=1,
        privacy="strict",
        sources=[SourceSetting(kind="ledger", path=str(logs / "small.ndjson"))],
    )
    with Build(settings) as build:
        run(build)
    with open_warehouse(settings) as connection:
        reference = json.loads((logs / "small.summary.json").read_text())
        assert_same(compatible_block(connection), reference["summary"], "small")
        (ledger,) = goal_page(connection)["ledgers"]
        assert "/" not in ledger["path"]
        assert ledger["project"] is None
