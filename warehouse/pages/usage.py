"""The page of tokens and cost, as `rollhouse summary` and `rollhouse usage` print it.

Belongs here: its layout. Does not belong here: goals (goals.py), the numbers (overview.py).
"""

from __future__ import annotations

from typing import TextIO

from rich.console import Console

from warehouse.pages.layout import (
    TOKEN_ROWS,
    Record,
    amount,
    covers,
    new_page,
    new_table,
    partly,
    plain,
    show,
)
from warehouse.wording import count, moment

TOP = 10
DAYS = 14


def print_usage(data: Record, out: TextIO | None = None) -> None:
    """Sessions, tokens and cost, with what they cover."""
    console = new_page(out)
    usage, coverage = data["usage"], data["coverage"]
    if not usage["sessions"]:
        console.print("No sessions. `rollhouse status` tells what was read.")
        return
    with_usage = coverage["sessions_with_usage"]["covered"]
    console.print(
        f"[bold]{count(usage['sessions'], 'session')}[/], {count(usage['turns'], 'turn')}, "
        f"{count(usage['responses'], 'model response')}"
    )
    if usage["first_response_at"]:
        console.print(
            f"from {moment(usage['first_response_at'])} to {moment(usage['last_response_at'])}",
            style="dim",
        )
    if with_usage < usage["sessions"]:
        console.print(
            f"{usage['sessions'] - with_usage:,} of the sessions have no usage record: what they "
            "used is not known, which is not zero",
            style="dim",
        )
    table = new_table("", ">Sum", "Covers")
    for name, label in TOKEN_ROWS:
        share = coverage[name]
        table.add_row(label, amount(name, usage[name]), covers(share, "response"))
    show(console, table)
    if (confidence := coverage["price_confidence"]) and usage["responses"]:
        told = ", ".join(f"{number:,} {plain(name)}" for name, number in confidence.items())
        console.print(f"Cost rests on prices that are: {told} (responses)", style="dim")
    _groups(console, "Project", "project", usage["by_project"], TOP)
    _groups(console, "Model", "model", usage["by_model"], TOP)
    if len(usage["by_label"]) > 1:
        _groups(console, "Label", "label", usage["by_label"], TOP)
    _groups(console, "Day", "day", usage["by_day"][::-1], DAYS)


def _groups(console: Console, title: str, key: str, rows: list[Record], shown: int) -> None:
    if not rows:
        return
    table = new_table(title, ">Sessions", ">Responses", ">Tokens", ">Cost", "")
    for row in rows[:shown]:
        table.add_row(
            plain(str(row[key])) if row[key] is not None else "[dim](unknown)[/]",
            f"{row['sessions']:,}",
            f"{row['responses']:,}",
            amount("total_tokens", row["total_tokens"]),
            amount("cost_usd", row["cost_usd"]),
            partly(row["cost_covered_responses"], row["responses"]),
        )
    show(console, table)
    if len(rows) > shown:
        console.print(
            f"and {len(rows) - shown:,} more; rollhouse usage --json has all", style="dim"
        )
