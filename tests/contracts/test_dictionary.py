"""The data dictionary is what contracts and headers say.

Belongs here: the generated page. Does not belong here: contracts themselves
(test_contracts.py).
"""

from __future__ import annotations

from pathlib import Path

import pytest

from warehouse import resources
from warehouse.contracts import lake_tables
from warehouse.dictionary import dictionary
from warehouse.models import Model, load_models

PAGE = Path(__file__).parents[2] / "docs" / "data-dictionary.md"


@pytest.fixture(scope="module")
def models() -> list[Model]:
    return load_models(resources.sql_folder())


def test_page_is_up_to_date(models: list[Model]) -> None:
    assert PAGE.read_text(encoding="utf-8") == dictionary(models), "run `make docs`"


def test_page_has_every_published_table_and_column(models: list[Model]) -> None:
    sections = dictionary(models).split("\n### ")[1:]
    found = {section.split("\n", 1)[0]: section for section in sections}
    public = [model.table for model in models if not model.header.internal]
    tables = {table.name: table for table in [*lake_tables().values(), *public]}
    assert found.keys() == tables.keys()
    for name, table in tables.items():
        rows = [line for line in found[name].splitlines() if line.startswith("| `")]
        assert [row.split("`")[1] for row in rows] == [column.name for column in table.columns]


def test_page_tells_what_null_means_and_what_a_sum_covers(tmp_path: Path) -> None:
    (tmp_path / "derived").mkdir()
    (tmp_path / "derived" / "pairs.sql").write_text(
        """/*
description: Pairs | of things
grain: one row per pair
key: [session_id]
columns: [session_id, input_tokens, lines, generation]
coverage: [{value: input_tokens, covered: lines, total: generation}]
scope: session
*/
SELECT 1 FROM raw_sources, raw_lines"""
    )
    page = dictionary(load_models(tmp_path))
    assert "| [pairs](#pairs) | Pairs \\| of things |" in page
    assert "\nPairs | of things. One row per pair.\n" in page
    file = "[sql/derived/pairs.sql](../sql/derived/pairs.sql)"
    assert f"- Computed in {file} from `raw_lines`, `raw_sources`" in page
    assert "- `input_tokens` covers `lines` of `generation`" in page
    assert (
        "| `input_tokens` | BIGINT | Input tokens, cached and cache-written ones included. "
        "Unit: tokens. NULL: nothing known, which is not zero. |" in page
    )
    assert "| `session_id` | VARCHAR | Id of the thread (one conversation). |" in page
    assert "| `body` | VARCHAR | The line itself, for kinds that hold no content. " in page
    assert page.count("*Lake only.*") == sum(len(t.lake_only) for t in lake_tables().values()) > 0


def test_internal_models_are_left_out(tmp_path: Path) -> None:
    (tmp_path / "session").mkdir()
    (tmp_path / "session" / "step.sql").write_text(
        """/*
description: A step
grain: one row per source
key: [source_id]
columns: [source_id]
scope: session
internal: true
*/
SELECT source_id FROM raw_sources"""
    )
    assert "step" not in dictionary(load_models(tmp_path))
