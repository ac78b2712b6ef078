"""The page of `rollhouse status`.

Belongs here: its layout. Does not belong here: the numbers (overview.py).
"""

from __future__ import annotations

from itertools import groupby
from typing import TextIO

from rich.table import Table

from warehouse.pages.layout import Record, new_page, new_table, plain, show
from warehouse.wording import age, count, moment, size

REJECTS = 20


def print_status(data: Record, out: TextIO | None = None) -> None:
    """Where the warehouse is, what is in it, and what is missing."""
    console = new_page(out)
    warehouse, fresh = data["warehouse"], data["freshness"]
    console.print(f"[bold]{plain(warehouse['path'])}[/]  {size(warehouse['size_bytes'])}")
    table = Table(box=None, show_header=False, pad_edge=False)
    for label, time in (
        ("Last build", fresh["built_at"]),
        ("Last line written", fresh["last_line_at"]),
        ("Last response", fresh["last_response_at"]),
        ("Last change of a file", fresh["last_modified_at"]),
    ):
        table.add_row(label, f"{moment(time)}  [dim]{age(time)}[/]" if time else "-")
    console.print(table)
    for warning in warehouse["warnings"]:
        console.print(f"Warning: {plain(warning)}", style="yellow")

    table = new_table(
        "Sources", "Label", "State", ">Sources", ">Lines", ">Read", ">Rejected", ">Deferred"
    )
    for row in data["sources"]:
        table.add_row(
            row["kind"],
            plain(row["label"] or ""),
            row["state"],
            f"{row['sources']:,}",
            f"{row['lines']:,}",
            size(row["bytes_read"]),
            f"{row['rejected_lines']:,}",
            size(row["deferred_bytes"]) if row["deferred_bytes"] else "0",
        )
    show(console, table)
    if not data["sources"]:
        console.print("nothing was found to read", style="dim")
    for row in data["problems"][:REJECTS]:
        console.print(
            f"{row['state']}: {plain(row['path'])}: {plain(row['error'])}", style="yellow"
        )
    if len(data["problems"]) > REJECTS:
        console.print(f"and {len(data['problems']) - REJECTS:,} more; --json has all", style="dim")

    if data["rejects"]:
        table = new_table("Rejected lines", "Rule", ">Lines", ">Sources")
        for row in data["rejects"][:REJECTS]:
            table.add_row(row["kind"], row["rule"], f"{row['lines']:,}", f"{row['sources']:,}")
        show(console, table)

    table = new_table("Not covered", ">Covered", ">Of", "Detail")
    for row in data["not_covered"]:
        table.add_row(
            plain(row["meaning"]),
            f"{row['covered']:,}",
            f"{row['total']:,}",
            plain(row["detail"] or ""),
        )
    if data["not_covered"]:
        show(console, table)
    else:
        console.print("\nEverything that was read is covered.")

    table = new_table("Layer", ">Rows", "Tables")
    for layer, rows in groupby(data["tables"], key=lambda row: row["layer"]):
        tables = list(rows)
        named = [f"{row['name']} [dim]{row['rows']:,}[/]" for row in tables if row["rows"]]
        if empty := len(tables) - len(named):
            named.append(f"[dim]{count(empty, 'empty table')}[/]")
        table.add_row(layer, f"{sum(row['rows'] for row in tables):,}", ", ".join(named))
    show(console, table)

    table = new_table("Builds", "When", ">Seconds", ">Rows", ">Warnings")
    for row in data["builds"]:
        table.add_row(
            row["id"] + (" (current)" if row["is_current"] else ""),
            f"{moment(row['built_at'])}",
            f"{row['seconds']:.1f}",
            f"{row['rows']:,}",
            f"{row['warnings']:,}",
        )
    show(console, table)
