"""The tables of the report, made with Great Tables.

Belongs here: columns, their titles and formats. Does not belong here: their look (page.html).
"""

from __future__ import annotations

import re
from decimal import Decimal
from typing import Any

import polars as pl
from great_tables import GT

from warehouse.wording import money, percent

Record = dict[str, Any]

_UNKNOWN = "unknown"
_STYLE = re.compile(r"<style>.*?</style>", re.DOTALL)


def usage(rows: list[Record], key: str) -> str:
    """Sessions, responses, tokens and cost of each row, and how many responses have a price."""
    columns = {
        key: key.capitalize(),
        "sessions": "Sessions",
        "responses": "Responses",
        "input_tokens": "Input",
        "cached_input_tokens": "of it cached",
        "output_tokens": "Output",
        "reasoning_output_tokens": "of it reasoning",
        "total_tokens": "Tokens",
        "cost_usd": "Cost",
        "priced": "Priced",
    }
    cells = [
        {
            **row,
            "cost_usd": _money(row["cost_usd"]),
            "priced": _part(row["cost_covered_responses"], row["responses"]),
        }
        for row in rows
    ]
    table = (
        GT(_frame(cells, columns))
        .cols_label(cases={**columns})
        .cols_align("right", columns=[name for name in columns if name != key])
        .fmt_integer([name for name in columns if name.endswith(("s", "tokens")) and name != key])
        .sub_missing(missing_text=_UNKNOWN)
    )
    return _html(table)


def goals(rows: list[Record], key: str, title: str) -> str:
    """Closed goals, how they ended, and what a success cost, with what that covers."""
    columns = {
        key: title,
        "closed_goals": "Closed",
        "successes": "Succeeded",
        "success_rate": "Rate",
        "total_attempts": "Attempts",
        "total_cost_usd": "Cost",
        "known": "of goals",
        "known_cost_per_success_usd": "Cost per success",
        "known_successes": "of successes",
    }
    cells = [
        {
            **row,
            "success_rate": percent(row["success_rate"]),
            "total_cost_usd": _money(row["total_cost_usd"]),
            "known_cost_per_success_usd": _money(row["known_cost_per_success_usd"]),
            "known": _part(row["total_cost_usd_known_goals"], row["closed_goals"]),
            "known_successes": _part(row["known_cost_successes"], row["successes"]),
        }
        for row in rows
        if row["closed_goals"]
    ]
    table = (
        GT(_frame(cells, columns))
        .cols_label(cases={**columns})
        .cols_align("right", columns=[name for name in columns if name != key])
        .fmt_integer(["closed_goals", "successes", "total_attempts"])
        .sub_missing(missing_text=_UNKNOWN)
    )
    return _html(table)


def gaps(rows: list[Record]) -> str:
    """What is covered less than wholly."""
    columns = {"meaning": "What", "detail": "Detail", "covered": "Covered", "total": "Of"}
    table = (
        GT(_frame(rows, columns))
        .cols_label(cases={**columns})
        .fmt_integer(["covered", "total"])
        .sub_missing(missing_text="")
    )
    return _html(table)


def _money(dollars: Decimal | None) -> str | None:
    return None if dollars is None else money(dollars)


def _part(covered: int, total: int) -> str:
    return "all" if covered == total > 0 else f"{covered:,} of {total:,}"


def _frame(rows: list[Record], columns: dict[str, str]) -> pl.DataFrame:
    return pl.DataFrame(
        {name: [row[name] for row in rows] for name in columns}, infer_schema_length=None
    )


def _html(table: GT) -> str:
    """The table without the style of its own: the page has one for light, dark and print."""
    return f'<div class="table">{_STYLE.sub("", table.as_raw_html())}</div>'
