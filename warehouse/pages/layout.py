"""What all pages are made of: console, tables, and cells.

Belongs here: pieces that several pages share. Does not belong here: any page.
"""

from __future__ import annotations

import sys
from decimal import Decimal
from typing import Any, TextIO

from rich import box
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from warehouse.wording import count, money, printable

Record = dict[str, Any]

_UNLIMITED = 1_000_000
_LEAST_TEXT = 6  # columns of a text that is folded

TOKEN_ROWS = (
    ("input_tokens", "Input tokens"),
    ("cached_input_tokens", "  read from the cache"),
    ("cache_write_input_tokens", "  written to the cache"),
    ("output_tokens", "Output tokens"),
    ("reasoning_output_tokens", "  for reasoning"),
    ("total_tokens", "Total tokens"),
    ("cost_usd", "Cost"),
)


def new_page(out: TextIO | None, width: int = 120) -> Console:
    """As wide as the terminal, elsewhere `width` columns."""
    out = out or sys.stdout
    return Console(file=out, highlight=False, width=None if out.isatty() else width)


def plain(text: str) -> str:
    """A text of the data: neither markup nor codes that a terminal would obey."""
    return escape(printable(text))


def new_table(*columns: str) -> Table:
    """Columns by title; `>` puts one's cells to the right."""
    table = Table(box=box.SIMPLE_HEAD, show_edge=False, pad_edge=False, header_style="bold")
    for title in columns:
        is_number = title.startswith(">")
        table.add_column(
            title.lstrip(">"),
            justify="right" if is_number else "left",
            no_wrap=is_number,
            overflow="fold",
        )
    return table


def show(console: Console, table: Table) -> None:
    """With every number whole: lines run over the edge of a terminal too narrow for them."""
    unlimited = console.options.update(max_width=_UNLIMITED)
    if console.measure(table, options=unlimited).maximum > console.width:
        table.padding = (0, 1, 0, 0)
        needed = 2 * len(table.columns)  # that padding, and what stands between two columns
        for column in table.columns:
            cells = (column.header, *column.cells)
            widest = max(console.measure(cell, options=unlimited).maximum for cell in cells)
            column.min_width = widest if column.no_wrap else min(widest, _LEAST_TEXT)
            needed += column.min_width
        if needed > console.width:
            table.width = needed
    console.print()
    console.print(table, crop=False)


def amount(name: str, value: int | Decimal | None) -> str:
    if value is None:
        return "-"
    return money(value) if name == "cost_usd" else f"{value:,}"


def covers(share: Record, thing: str) -> str:
    covered, total = share["covered"], share["total"]
    if covered == total:
        return f"[dim]all {count(total, thing)}[/]"
    return f"{covered:,} of {count(total, thing)}"


def partly(covered: int, total: int) -> str:
    return f"[dim]{covered:,} of {total:,} priced[/]" if covered < total else ""
