"""The pages of usage and status, and the numbers behind them (those of goals: test_goals.py)."""

from __future__ import annotations

import io
import re
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import duckdb
import pytest

from warehouse import overview
from warehouse.builds import database_path
from warehouse.lake import Lake
from warehouse.ledger_block import Choice
from warehouse.pages import print_status, print_usage
from warehouse.pages.usage import DAYS, TOP
from warehouse.query import QueryError, open_warehouse
from warehouse.settings import Settings
from warehouse.wording import age, count, money, percent, size

Record = dict[str, Any]


def page(data: Record, kind: str = "summary") -> str:
    out = io.StringIO()
    (print_usage if kind == "summary" else print_status)(data, out)
    return "\n".join(line.rstrip() for line in out.getvalue().splitlines())


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def words(data: Record, kind: str) -> set[str]:
    """What stands on a page on a terminal, cut at spaces."""
    out = Terminal()
    (print_usage if kind == "summary" else print_status)(data, out)
    return set(re.sub(r"\x1b\[[\d;]*m", "", out.getvalue()).split())


def row_of(text: str, name: str) -> list[str]:
    """The cells of the first line that begins with `name`."""
    (line, *_) = [line for line in text.splitlines() if line.strip().startswith(name)]
    return line.strip().removeprefix(name).split()


@pytest.fixture(scope="module")
def summary(published: Settings) -> Record:
    return overview.usage(published)


@pytest.fixture(scope="module")
def status(published: Settings) -> Record:
    return overview.status(published)


# --- the numbers ----------------------------------------------------------------------------------


def test_groups_add_up_to_the_whole(summary: Record) -> None:
    usage = summary["usage"]
    for group in ("by_model", "by_project", "by_label", "by_day"):
        rows = usage[group]
        assert sum(row["responses"] for row in rows) == usage["responses"] > 0
        for name in (*overview.TOKENS, "cost_usd"):
            known = [row[name] for row in rows if row[name] is not None]
            assert (sum(known) if known else None) == usage[name], (group, name)
    assert sum(row["sessions"] for row in usage["by_project"]) == usage["sessions"] == 47


def test_projects_are_those_of_the_published_table(summary: Record, published: Settings) -> None:
    names = ("project", "sessions", "responses", *overview.TOKENS, "cost_usd")
    with open_warehouse(published) as connection:
        rows = connection.execute(f"SELECT {', '.join(names)} FROM derived_projects").fetchall()
    found = {tuple(row[name] for name in names) for row in summary["usage"]["by_project"]}
    assert found == set(rows)


def test_choice_of_time_cuts_in_two(published: Settings, summary: Record) -> None:
    usage = summary["usage"]
    middle = (
        usage["first_response_at"] + (usage["last_response_at"] - usage["first_response_at"]) / 2
    )
    before = overview.usage(published, Choice(until=middle))["usage"]
    after = overview.usage(published, Choice(since=middle))["usage"]
    assert before["last_response_at"] < middle <= after["first_response_at"]
    for name in ("responses", "total_tokens", "cost_usd", "turns"):
        assert 0 < before[name] < usage[name]
        assert before[name] + after[name] == usage[name], name
    assert before["sessions"] + after["sessions"] >= usage["sessions"]


@pytest.mark.parametrize("name", ["/home/dev/repos/old_0.80.0", "warehouse"])
def test_choice_of_project(published: Settings, summary: Record, name: str) -> None:
    chosen = overview.usage(published, Choice(project=name))
    wanted = [
        row
        for row in summary["usage"]["by_project"]
        if row["project"].startswith(f"{name}/") or row["project"].endswith(f"/{name}")
    ]
    assert len(wanted) > 1
    assert chosen["usage"]["by_project"] == wanted
    assert chosen["usage"]["responses"] == sum(row["responses"] for row in wanted)
    assert chosen["coverage"]["total_tokens"]["total"] == chosen["usage"]["responses"]


def test_choice_that_nothing_fits(published: Settings) -> None:
    usage = overview.usage(published, Choice(label="nobody"))["usage"]
    assert (usage["sessions"], usage["responses"], usage["total_tokens"]) == (0, 0, None)
    assert usage["by_model"] == []


def test_coverage_stands_beside_every_sum(summary: Record) -> None:
    usage, coverage = summary["usage"], summary["coverage"]
    for name in (*overview.TOKENS, "cost_usd"):
        assert coverage[name]["total"] == usage["responses"]
        assert (usage[name] is None) == (coverage[name]["covered"] == 0)
    # the oldest CLIs never said what they wrote to the cache; one model has no price
    assert 0 < coverage["cache_write_input_tokens"]["covered"] < usage["responses"]
    assert 0 < coverage["cost_usd"]["covered"] < usage["responses"]
    assert sum(coverage["price_confidence"].values()) == usage["responses"]
    assert coverage["sessions_with_usage"] == {"covered": 38, "total": 47}


def test_project_without_usage_is_listed_and_not_zero(summary: Record) -> None:
    projects = {row["project"]: row for row in summary["usage"]["by_project"]}
    nothing = projects["/home/dev/repos/sample/ws/no_usage"]
    assert (nothing["sessions"], nothing["responses"], nothing["total_tokens"]) == (1, 0, None)
    zero = projects["/home/dev/repos/sample/ws/zero"]
    assert (zero["responses"], zero["total_tokens"]) == (1, 0)


def test_days_are_those_of_the_zone(published: Settings) -> None:
    there = published.model_copy(update={"timezone": "Pacific/Kiritimati"})  # 14 hours ahead
    days = [row["day"].isoformat() for row in overview.usage(there)["usage"]["by_day"]]
    assert days == ["2026-11-22"]


def test_status_is_complete(status: Record, published: Settings) -> None:
    assert status["warehouse"]["path"] == str(database_path(Lake(published.home)))
    assert status["warehouse"]["size_bytes"] > 100_000
    fresh = status["freshness"]
    assert fresh["last_line_at"] >= fresh["last_response_at"]
    assert datetime.now(UTC) - fresh["built_at"] < timedelta(hours=1)
    (codex,) = [
        row for row in status["sources"] if row["state"] == "present" and row["lines"] > 999
    ]
    assert (codex["kind"], codex["label"]) == ("codex", None)
    assert (codex["rejected_lines"], codex["deferred_bytes"]) == (1, 150)
    assert status["rejects"] == [{"kind": "codex", "rule": "not_json", "lines": 1, "sources": 1}]
    tables = {row["name"]: row for row in status["tables"]}
    assert tables["sessions"] == {"layer": "session", "name": "sessions", "rows": 47}
    assert tables["raw_lines"]["layer"] == "raw"
    assert tables["coverage"]["layer"] == "summary"
    assert {row["layer"] for row in status["tables"]} == {
        *("raw", "parsed", "session", "derived", "summary")
    }
    gaps = {row["aspect"]: row for row in status["not_covered"]}
    assert (gaps["threads_with_usage"]["covered"], gaps["threads_with_usage"]["total"]) == (38, 47)
    assert "unknown-model-x" in gaps["unpriced_model"]["detail"]
    (build,) = status["builds"]
    assert build["is_current"]
    assert build["rows"] == sum(row["rows"] for row in status["tables"])


def test_all_times_of_the_status_are_in_the_zone_of_the_settings(published: Settings) -> None:
    there = published.model_copy(update={"timezone": "Asia/Kolkata"})
    status = overview.status(there)
    times = [*status["freshness"].values(), *(row["built_at"] for row in status["builds"])]
    assert {time.utcoffset() for time in times} == {timedelta(hours=5, minutes=30)}


def test_warehouse_of_another_version(published: Settings, tmp_path: Path) -> None:
    folder = tmp_path / "lake" / "current"
    folder.mkdir(parents=True)
    with duckdb.connect(str(folder / "warehouse.duckdb")) as connection:
        connection.execute("CREATE TABLE sessions (session_id VARCHAR)")
    old = published.model_copy(update={"home": tmp_path})
    for ask in (overview.usage, overview.status, overview.headline):
        with pytest.raises(QueryError, match=r"another version of Rollhouse .*rollhouse build"):
            ask(old)


@pytest.mark.parametrize("columns", [20, 40, 80])
def test_no_terminal_is_too_narrow_for_a_number(
    summary: Record, status: Record, monkeypatch: pytest.MonkeyPatch, columns: int
) -> None:
    """503,08 in place of 503,085 would be a number that is wrong."""
    monkeypatch.setenv("COLUMNS", str(columns))
    shown = words(summary, "summary")
    usage = summary["usage"]
    for row in (usage, *usage["by_model"], *usage["by_project"][:TOP], *usage["by_day"]):
        assert f"{row['total_tokens']:,}" in shown
        assert row["cost_usd"] is None or money(row["cost_usd"]) in shown
    assert {f"{usage[name]:,}" for name in overview.TOKENS} <= shown
    shown = words(status, "status")
    assert {f"{row['rows']:,}" for row in status["builds"]} <= shown
    assert {f"{row['lines']:,}" for row in status["sources"]} <= shown


# --- the pages ------------------------------------------------------------------------------------


def test_summary_page(summary: Record) -> None:
    text = page(summary)
    usage = summary["usage"]
    assert text.startswith(f"47 sessions, {usage['turns']} turns, {usage['responses']} model")
    assert "9 of the sessions have no usage record" in text
    total = row_of(text, "Total tokens")
    assert total == [f"{usage['total_tokens']:,}", "all", str(usage["responses"]), "responses"]
    covered = summary["coverage"]["cache_write_input_tokens"]["covered"]
    assert row_of(text, "written to the cache")[1:] == [
        *(str(covered), "of", str(usage["responses"]), "responses")
    ]
    assert row_of(text, "unknown-model-x")[-4:] == ["0", "of", "6", "priced"]
    assert row_of(text, "unknown-model-x")[-5] == "-"
    assert row_of(text, "2026-11-21")[0] == "38"


def test_long_lists_are_cut_and_say_so(summary: Record) -> None:
    day = summary["usage"]["by_day"][0]
    first = day["day"]
    days = [day | {"day": first + timedelta(days=number)} for number in range(DAYS + 5)]
    text = page({**summary, "usage": summary["usage"] | {"by_day": days}})
    assert (
        f"and {len(summary['usage']['by_project']) - TOP} more; rollhouse usage --json has all"
        in text
    )
    assert "and 5 more; rollhouse usage --json has all" in text
    shown = [line.split()[0] for line in text.splitlines() if line.startswith("2026-1")]
    assert shown == [(first + timedelta(days=n)).isoformat() for n in range(DAYS + 4, 4, -1)]


def test_labels_are_shown_where_there_are_several(summary: Record) -> None:
    assert "Label" not in page(summary)
    usage = summary["usage"]
    labels = [usage["by_label"][0] | {"label": name} for name in ("ann", "bob")]
    text = page({**summary, "usage": usage | {"by_label": labels}})
    assert row_of(text, "ann") == row_of(text, "bob")


def test_markup_and_terminal_codes_in_names_are_only_text(summary: Record) -> None:
    usage = summary["usage"]
    project = usage["by_project"][0] | {"project": "/x/[bold]y[/] [/z]\x1b[2J"}
    text = page({**summary, "usage": usage | {"by_project": [project]}})
    assert "/x/[bold]y[/] [/z]\\x1b[2J" in text


def test_status_page(status: Record) -> None:
    text = page(status, "status")
    assert row_of(text, "responses without a cost, by model and tier")[:2] == ["0", "6"]
    assert "unknown-model-x" in text
    assert "not_json" in text
    assert "150 bytes" in text
    assert "sessions 47" in " ".join(text.split())  # lines are folded anywhere
    assert "(current)" in text
    assert "Warning:" not in text


def test_status_page_hides_no_problem(status: Record) -> None:
    problems = [
        {"path": f"/home/[x]/{number}.jsonl", "state": "unreadable", "error": "Permission denied"}
        for number in range(25)
    ]
    warehouse = status["warehouse"] | {"warnings": ["parsed_rejects: 5 of 9 lines are rejected"]}
    text = page({**status, "problems": problems, "warehouse": warehouse}, "status")
    assert "unreadable: /home/[x]/0.jsonl: Permission denied" in text
    assert "and 5 more; --json has all" in text
    assert "Warning: parsed_rejects: 5 of 9 lines are rejected" in text


def test_status_page_where_all_is_covered(status: Record) -> None:
    text = page({**status, "not_covered": [], "rejects": []}, "status")
    assert "Everything that was read is covered." in text
    assert "Rejected lines" not in text


# --- wording --------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("number", "text"),
    [
        (0, "0 bytes"),
        (1, "1 byte"),
        (999, "999 bytes"),
        (1000, "1.0 kB"),
        (999_949, "999.9 kB"),
        (999_950, "1.0 MB"),
        (97_123_456, "97.1 MB"),
        (8_000_000_000_000, "8,000.0 GB"),
    ],
)
def test_size(number: int, text: str) -> None:
    assert size(number) == text


@pytest.mark.parametrize(
    ("dollars", "text"),
    [
        (0, "$0.00"),
        (Decimal("0.000000001"), "<$0.0001"),
        (Decimal("0.00006"), "$0.0001"),
        (Decimal("0.0123"), "$0.0123"),
        (Decimal("0.99999"), "$1.0000"),
        (Decimal("1234.5"), "$1,234.50"),
    ],
)
def test_money(dollars: int | Decimal, text: str) -> None:
    assert money(dollars) == text


@pytest.mark.parametrize(
    ("share", "text"),
    [
        (0.0, "0%"),
        (1 / 200, "<1%"),
        (0.014, "1%"),
        (2 / 3, "67%"),
        (0.994, "99%"),
        (199 / 200, ">99%"),
        (1.0, "100%"),
    ],
)
def test_percent(share: float, text: str) -> None:
    """Some are neither none nor all."""
    assert percent(share) == text


def test_age_and_count() -> None:
    now = datetime(2026, 11, 21, 12, tzinfo=UTC)
    for seconds, text in (
        (0, "just now"),
        (59, "just now"),
        (60, "1 minute ago"),
        (7300, "2 hours ago"),
        (86_400, "1 day ago"),
        (-3600, "in the future"),
    ):
        assert age(now - timedelta(seconds=seconds), now) == text
    assert (count(1, "file"), count(1200, "file")) == ("1 file", "1,200 files")
