"""Models keep to SQL that sqlglot carries from DuckDB to Spark (the house style: portable).

Belongs here: what can be told from a model's text. Does not belong here: whether Spark
computes the same (nothing here runs it), and macros, which each engine needs in its own words.
"""

from __future__ import annotations

import re
from collections.abc import Callable

import pytest
import sqlglot
from sqlglot import exp
from sqlglot.errors import ErrorLevel

from warehouse import resources
from warehouse.models import Model, load_models

SQL = resources.sql_folder()
MACROS = {
    name.lower()
    for path in (SQL / "macros").glob("*.sql")
    for name in re.findall(r"TEMP MACRO (\w+)\(", path.read_text(encoding="utf-8"))
}

# What sqlglot lets pass although Spark lacks it, or means something else by it.
AVOIDED: dict[str, Callable[[exp.Expr], bool]] = {
    "ASOF JOIN": lambda node: isinstance(node, exp.Join) and node.args.get("method") == "ASOF",
    "PIVOT": lambda node: isinstance(node, exp.Pivot),
    "COLUMNS()": lambda node: isinstance(node, exp.Columns),
    "* EXCLUDE or REPLACE": lambda node: (
        isinstance(node, exp.Star) and any(node.args.get(a) for a in ("except_", "replace"))
    ),
    "quantile_cont": lambda node: isinstance(node, exp.Quantile | exp.PercentileCont),
    "an ordered list": lambda node: (
        isinstance(node, exp.ArrayAgg) and isinstance(node.this, exp.Order)
    ),
    "a list's element": lambda node: isinstance(node, exp.Bracket),
    "json_object": lambda node: isinstance(node, exp.JSONObject),
    "a group of a pattern in what replaces it": lambda node: (
        isinstance(node, exp.RegexpReplace) and "\\" in node.args["replacement"].name
    ),
}

# The one column that is JSON.
ALLOWED = {("derived_projects", "json_object")}


def faults(name: str, select: str) -> list[str]:
    """What of a model's SELECT does not reach Spark."""
    tree = sqlglot.parse_one(select, read="duckdb")
    sqlglot.parse_one(tree.sql("spark", unsupported_level=ErrorLevel.RAISE), read="spark")
    unknown = {node.name.lower() for node in tree.find_all(exp.Anonymous)} - MACROS
    avoided = {what for what, is_it in AVOIDED.items() if any(map(is_it, tree.walk()))}
    return sorted(unknown | {what for what in avoided if (name, what) not in ALLOWED})


@pytest.mark.parametrize("model", load_models(SQL), ids=lambda model: model.name)
def test_model_is_portable(model: Model) -> None:
    assert faults(model.name, model.select) == []


@pytest.mark.parametrize(
    ("select", "fault"),
    [
        ("SELECT a.x FROM a ASOF JOIN b ON a.t >= b.t", "ASOF JOIN"),
        ("PIVOT a ON x USING sum(y)", "PIVOT"),
        ("SELECT max(COLUMNS('x.*')) FROM a", "COLUMNS()"),
        ("SELECT * EXCLUDE (x) FROM a", "* EXCLUDE or REPLACE"),
        ("SELECT * REPLACE (1 AS x) FROM a", "* EXCLUDE or REPLACE"),
        ("SELECT quantile_cont(x, 0.5) FROM a", "quantile_cont"),
        ("SELECT list(x ORDER BY y) FROM a", "an ordered list"),
        ("SELECT x[-1] FROM a", "a list's element"),
        ("SELECT json_object('x', x) FROM a", "json_object"),
        (
            r"SELECT regexp_replace(x, '(.)', '\1_') FROM a",
            "a group of a pattern in what replaces it",
        ),
        ("SELECT epoch_us(x) FROM a", "epoch_us"),
    ],
)
def test_what_is_not_portable_is_found(select: str, fault: str) -> None:
    assert faults("any", select) == [fault]
