"""The data dictionary: docs/data-dictionary.md, made from contracts and model headers.

Belongs here: how tables and columns are laid out on a page. Does not belong here: any
meaning of a column (contracts/) or of a model (the header of its file).

`make docs` writes the page; a test keeps it equal to what it is made from.
"""

from __future__ import annotations

import sys
from collections.abc import Iterable, Iterator

from warehouse import resources
from warehouse.contracts import LAYERS, Column, Table, lake_tables
from warehouse.errors import RollhouseError
from warehouse.models import Model, load_models

_LAYER_TEXTS = {
    "raw": "what was read: sources, their lines, and the price list",
    "parsed": "typed rows of one line each, not interpreted",
    "session": "threads, turns and responses, interpreted",
    "derived": "sums and joins of the session layer",
    "summary": "the few numbers that people ask for first",
}

_INTRODUCTION = """\
# Data dictionary

Every table and column of the published warehouse. This page is generated from
`warehouse/contracts` and the headers of `sql/**/*.sql` (`make docs`); the same texts are the
comments in the DuckDB file and the column descriptions in the Dagster UI.

- **NULL is not zero.** NULL says that nothing is known; what that means is told for each column,
  and a column without such a remark is never NULL. A sum stands beside what it covers.
- Times are `TIMESTAMP WITH TIME ZONE`. Days are cut in the zone of the setting `timezone`.
- Names that end in `_at` are times, in `_ms` durations; `is_` and `has_` begin flags; plurals are
  counts.
- The Parquet files of the layers raw and parsed lie in `lake/<layer>/<table>/` (`rates` and tables
  without rows have none), those of all other layers in `lake/current/<layer>/`. Columns that are
  *lake only* are not in the DuckDB file.
"""


def dictionary(models: Iterable[Model]) -> str:
    """The page, for these models and all tables of the lake."""
    by_name = {model.name: model for model in models if not model.header.internal}
    tables = [*lake_tables().values(), *(by_name[name].table for name in sorted(by_name))]
    layers = [(layer, [t for t in tables if t.layer == layer]) for layer in LAYERS]
    lines = [_INTRODUCTION]
    for layer, of_layer in layers:
        if of_layer:
            lines += [f"**{layer}**: {_LAYER_TEXTS[layer]}", "", "| table | holds |", "|---|---|"]
            lines += [f"| [{t.name}](#{t.name}) | {_cell(t.description)} |" for t in of_layer]
            lines.append("")
    for layer, of_layer in layers:
        if of_layer:
            lines += [f"## Layer {layer}", ""]
        for table in of_layer:
            lines += _table(table, by_name.get(table.name))
    return "\n".join(lines).rstrip() + "\n"


def _table(table: Table, model: Model | None) -> Iterator[str]:
    yield f"### {table.name}"
    yield ""
    yield f"{table.description}. {table.grain[:1].upper()}{table.grain[1:]}."
    yield ""
    yield f"- Key: {', '.join(f'`{name}`' for name in table.key)}"
    if model is not None:
        read = ", ".join(f"`{name}`" for name in sorted(model.references))
        file = f"sql/{table.layer}/{table.name}.sql"
        yield f"- Computed in [{file}](../{file}) from {read}"
        for pair in model.header.coverage:
            yield f"- `{pair.value}` covers `{pair.covered}` of `{pair.total}`"
    yield ""
    yield "| column | type | meaning |"
    yield "|---|---|---|"
    for column in table.columns:
        yield f"| `{column.name}` | {_type(column)} | {_meaning(column, table)} |"
    yield ""


def _type(column: Column) -> str:
    return column.type.replace("TIMESTAMP WITH TIME ZONE", "TIMESTAMPTZ")


def _meaning(column: Column, table: Table) -> str:
    text = _cell(column.comment)
    return f"{text} *Lake only.*" if column.name in table.lake_only else text


def _cell(text: str) -> str:
    return text.replace("|", "\\|")


def main() -> None:
    try:
        print(dictionary(load_models(resources.sql_folder())), end="")
    except RollhouseError as error:
        sys.exit(str(error))


if __name__ == "__main__":
    main()
