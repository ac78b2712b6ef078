"""`rollhouse explain`: every usage line of a thread, and whether all of it adds up.

Belongs here: the command on the sample. Does not belong here: whether a verdict is right
(tests/accounting).
"""

from __future__ import annotations

import io
import json
import re
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from tests.cli.conftest import Rollhouse
from warehouse.explain import BASES, REASONS, explain
from warehouse.overview import TOKENS
from warehouse.pages.explanation import print_explanation
from warehouse.query import open_warehouse
from warehouse.settings import Settings

Record = dict[str, Any]

FORK_BY_COPY = "01a1fde9-a4f6-79f1-9368-5cf321f5063c"  # copied lines and no mark where they end
ITS_SOURCE = "01a1fde9-939d-78d0-831a-f5e36a7aacd3"
REVERTED = "01a1fde3-9ed9-7c81-9c9c-ede247c48507"  # in two files
FORK_WITH_RECORDS = "01a1fde3-ede1-7c91-aba7-88d6b6d6f479"
UNPRICED = "01a1fddd-7a88-7391-959b-3310cc203857"
NO_USAGE = "01a1fddd-48b7-76a2-81ba-4eea5033671d"


@pytest.fixture
def explained(rollhouse: Rollhouse, published: Settings) -> Any:
    def explained(*arguments: object) -> Record:
        done = rollhouse("explain", *arguments, "--home", published.home, "--json")
        assert (done.returncode, done.stderr) == (0, "")
        data: Record = json.loads(done.stdout)
        return data

    return explained


@pytest.fixture
def page(rollhouse: Rollhouse, published: Settings) -> Any:
    def page(*arguments: object) -> str:
        done = rollhouse("explain", *arguments, "--home", published.home)
        assert (done.returncode, done.stderr) == (0, "")
        return "\n".join(line.rstrip() for line in done.stdout.splitlines())

    return page


def rows(settings: Settings, sql: str, *values: object) -> list[tuple[Any, ...]]:
    with open_warehouse(settings) as connection:
        return connection.execute(sql, values).fetchall()


@pytest.mark.parametrize("thread", [FORK_BY_COPY, ITS_SOURCE, REVERTED, FORK_WITH_RECORDS])
def test_every_line_once_and_in_file_order(
    thread: str, explained: Any, published: Settings
) -> None:
    data = explained(thread)
    lines = data["lines"]
    told = [(line["source_id"], line["line_number"], line["is_counted"]) for line in lines]
    known = rows(
        published,
        """
        WITH told AS (
            SELECT session_id, source_id, line_number, TRUE AS is_counted FROM usage
            UNION ALL
            SELECT session_id, source_id, line_number, FALSE FROM usage_excluded
        )
        SELECT source_id, line_number, is_counted FROM told
        WHERE session_id = ?1
            OR source_id IN (SELECT source_id FROM lineage WHERE session_id = ?1)
        """,
        thread,
    )
    assert sorted(told) == sorted(known)
    places = [(line["file"], line["line_number"]) for line in lines]
    assert places == sorted(places)
    files = {file["file"]: file for file in data["files"]}
    for line in lines:
        assert line["path"] == files[line["file"]]["path"]
        words = BASES if line["is_counted"] else REASONS
        assert line["meaning"] == words[line["basis"] or line["reason"]]
    if thread == REVERTED:  # the older file first
        assert [file["inheritance"] for file in data["files"]] == ["none", "reference"]


def test_place_is_the_line_in_the_file(explained: Any) -> None:
    """Path, line number and byte offset lead to the very line."""
    data = explained(FORK_BY_COPY)
    (path,) = {line["path"] for line in data["lines"]}
    content = Path(path).read_bytes()
    numbered = content.split(b"\n")
    for line in data["lines"]:
        text = numbered[line["line_number"] - 1]
        assert content[line["byte_offset"] :].startswith(text)
        last = (json.loads(text)["payload"]["info"] or {}).get("last_token_usage", {})
        assert last.get("total_tokens") == line["total_tokens"]


@pytest.mark.parametrize("thread", [FORK_BY_COPY, REVERTED, FORK_WITH_RECORDS, UNPRICED])
def test_sums_are_the_threads_and_reconcile(
    thread: str, explained: Any, published: Settings
) -> None:
    data = explained(thread)
    sums, row = data["sums"], data["reconciliation"]
    (wanted,) = rows(
        published,
        f"SELECT responses, {', '.join(TOKENS)}, CAST(cost_usd AS DOUBLE), cost_covered_responses "
        "FROM derived_session_usage WHERE session_id = ?",
        thread,
    )
    assert tuple(sums["counted"].values()) == pytest.approx(wanted)
    excluded = Counter(line["reason"] for line in data["lines"] if not line["is_counted"])
    assert {each["reason"]: each["lines"] for each in sums["excluded"]} == excluded
    assert row["counted_tokens"] == sums["counted"]["total_tokens"]
    assert row["counted_tokens"] == (
        row["counter_tokens"]
        - row["inherited_tokens"]
        + row["reverted_tokens"]
        + row["forgotten_tokens"]
        + row["beyond_counter_tokens"]
        - row["unplaced_tokens"]
        + row["unexplained_tokens"]
    )


def test_one_turn(explained: Any, published: Settings) -> None:
    """The turns and what is in none of them are the whole thread; each equals its model's row."""
    whole = explained(FORK_BY_COPY)
    inherited = [line for line in whole["lines"] if line["turn_index"] is None]
    assert {line["reason"] for line in inherited} >= {"inherited"}
    turn = explained(FORK_BY_COPY, "--turn", 1)
    assert turn["turn"] == 1
    assert turn["lines"] == [line for line in whole["lines"] if line["turn_index"] == 1]
    assert len(turn["lines"]) + len(inherited) == len(whole["lines"])
    assert turn["reconciliation"] == whole["reconciliation"]
    ((tokens,),) = rows(
        published,
        "SELECT total_tokens FROM turns WHERE session_id = ? AND turn_index = 1",
        FORK_BY_COPY,
    )
    assert turn["sums"]["counted"]["total_tokens"] == tokens > 0


def test_page_says_where_the_copied_lines_end_and_what_all_rests_on(page: Any) -> None:
    text = page(FORK_BY_COPY[:13].upper())
    assert max(map(len, text.splitlines()[4:])) <= 100
    assert text.splitlines()[0] == f"Thread {FORK_BY_COPY}"
    assert f"another thread's lines ({ITS_SOURCE}): lines 2 to 121" in text
    assert "ends before the first line that differs from the source thread's" in text
    first = re.search(r"^\+ +132 .*$", text, re.MULTILINE)
    assert first is not None
    assert " ".join(first.group().split()) == (
        "+ 132 11:41:50 5,652 0 273 5,925 $0.0137 [1] counter of the response"
    )
    assert re.search(r"^\[1\] +gpt-5.2-codex .* standard +base +assumed_provider +7$", text, re.M)
    assert "45,711 counted = 378,488 counter - 332,777 inherited\nequal" in text


def test_page_names_the_state_databases_number(page: Any) -> None:
    """The sample's database knows six threads."""
    text = page("01a1fde2-c694")
    assert "10,807 counted" in text
    assert text.endswith("10,807 in Codex's state database: equal")
    assert "state database" not in page(FORK_BY_COPY)


def test_page_sets_what_a_panel_showed_beside_the_total(published: Settings) -> None:
    data = explain(published, FORK_WITH_RECORDS)
    shown = {
        "shown_total_tokens": 12_800,
        "shown_total_error": 50,
        "counted_uncached_tokens": 12_780,
        "shown_explanation": "equal within its rounding",
    }
    for error, rounding in ((50, " (±50)"), (0, "")):
        data["reconciliation"] |= {**shown, "shown_total_error": error}
        out = io.StringIO()
        print_explanation(data, out)
        line = f"12,800{rounding} shown without cached input, where 12,780 are counted: equal"
        assert line in " ".join(out.getvalue().split())


def test_page_of_one_turn_and_of_no_usage(page: Any) -> None:
    text = page(FORK_WITH_RECORDS, "--turn", 2)
    assert f"Thread {FORK_WITH_RECORDS}, turn 2\n" in text
    assert len(re.findall(r"^[+-] +\d", text, re.MULTILINE)) == 2
    text = page(NO_USAGE)
    assert "no line with usage" in text
    assert re.search(r"^Total tokens +-$", text, re.MULTILINE)
    assert text.endswith("no usage")


def test_unpriced_is_no_zero(page: Any, explained: Any) -> None:
    assert explained(UNPRICED)["sums"]["counted"]["cost_usd"] is None
    text = page(UNPRICED)
    assert re.search(r"^Cost +- +0 of 6 priced$", text, re.MULTILINE)
    assert re.search(r"^\[1\] +unknown-model-x +- +standard +- +unpriced +6$", text, re.M)


@pytest.mark.parametrize(
    ("arguments", "code", "message"),
    [
        (["01a1fde3"], 2, r"8 threads begin with 01a1fde3; .*\n(  01a1fde3-\S+\n){5}  and 3 more"),
        (["ffff"], 1, "no thread begins with ffff; rollhouse query .* lists them"),
        ([""], 2, "there is no thread; write an id"),
        ([FORK_BY_COPY, "--turn", "2"], 1, f"thread {FORK_BY_COPY} has 1 turn, and no turn 2"),
        ([FORK_BY_COPY, "--turn", "0"], 2, "Invalid value for '--turn'"),
        (["%"], 1, "no thread begins with %"),
    ],
)
def test_what_is_not_there(
    arguments: list[str], code: int, message: str, rollhouse: Rollhouse, published: Settings
) -> None:
    done = rollhouse("explain", *arguments, "--home", published.home)
    assert (done.returncode, done.stdout) == (code, "")
    assert re.search(message, done.stderr)
    assert "Traceback" not in done.stderr


def test_home_without_a_warehouse(rollhouse: Rollhouse, tmp_path: Path) -> None:
    done = rollhouse("explain", FORK_BY_COPY, "--home", tmp_path / "nothing")
    assert done.returncode == 1
    assert "there is no warehouse in" in done.stderr
