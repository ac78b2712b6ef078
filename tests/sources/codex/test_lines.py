"""Hand-made lines of every shape, and the rows that they give (lines/*.yaml, see README there).

Belongs here: what one line becomes. Does not belong here: lines in unusual forms
(test_router.py), before the envelope (test_bare.py), recordings (test_recordings.py).
"""

from __future__ import annotations

import json
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.sources.parsed import checked, parse, texts_of
from warehouse.contracts import lake_tables
from warehouse.sources.codex import CodexSource
from warehouse.sources.codex.router import KINDS, LINES
from warehouse.sources.codex.work import ITEM_TYPES

AT = "2026-03-04T10:00:00.000Z"
PLACE = {"line_number", "byte_offset", "recorded_at", "ordinal"}
SOURCE = CodexSource()

# What only the recordings hold, in every form that it ever had.
RECORDED = {"token_usage_record", "task_started"}


def read_cases() -> list[Any]:
    return [
        pytest.param(case, id=f"{path.stem}: {case['name']}")
        for path in sorted((Path(__file__).parent / "lines").glob("*.yaml"))
        for case in yaml.safe_load(path.read_text(encoding="utf-8"))
    ]


CASES = read_cases()


def written(line: dict[str, Any]) -> bytes:
    """The line as Codex writes it, with its time."""
    keys = ("ordinal", "type", "payload", "metadata")
    envelope = {"timestamp": AT, **{key: line[key] for key in keys if key in line}}
    return json.dumps(envelope, separators=(",", ":"), ensure_ascii=False).encode() + b"\n"


def shown(table: str, row: dict[str, Any]) -> dict[str, Any]:
    """A row without its place and NULLs; times and dates in ISO 8601."""
    types = {column.name: column.type for column in lake_tables()[table].columns}
    return {
        name: _shown(types[name], value)
        for name, value in row.items()
        if value is not None and name not in PLACE
    }


def _shown(kind: str, value: Any) -> Any:
    if kind == "TIMESTAMP WITH TIME ZONE":
        text = datetime.fromtimestamp(value / 1e6, UTC).isoformat(timespec="milliseconds")
        return text.replace("+00:00", "Z").replace(".000Z", "Z")
    return value.isoformat() if isinstance(value, date) else value


@pytest.mark.parametrize("case", CASES)
def test_rows_of_a_line(case: dict[str, Any]) -> None:
    rows = parse(SOURCE, written(case["line"]))
    checked(rows)
    (raw,) = rows.pop("raw_lines")
    assert raw["type"] == case["line"]["type"]
    assert raw["payload_type"] == case["line"]["payload"].get("type")
    assert raw["recorded_at"] == AT
    assert raw["ordinal"] == case["line"].get("ordinal")
    found = {table: [shown(table, row) for row in some] for table, some in rows.items() if some}
    assert found == case["rows"]


@pytest.mark.parametrize("case", CASES)
def test_no_secret_is_kept(case: dict[str, Any]) -> None:
    rows = parse(SOURCE, written(case["line"]))
    assert [text for text in texts_of(rows) if "secret" in text.lower()] == []


def test_every_known_kind_has_a_case() -> None:
    lines = [case.values[0]["line"] for case in CASES]
    kinds = {line["payload"]["type"] if line["type"] in KINDS else line["type"] for line in lines}
    known = {name for shapes in KINDS.values() for name in shapes} | set(LINES)
    assert known - kinds - RECORDED == {"compaction", "compaction_trigger"}  # as compaction_summary
    items = {line["payload"]["item"]["type"] for line in lines if "item" in line["payload"]}
    assert items == ITEM_TYPES
