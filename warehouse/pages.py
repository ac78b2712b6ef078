"""The pages of `rollhouse summary`, `status` and `explain`, for people.

Belongs here: layout and wording. Does not belong here: finding the numbers (overview.py,
explain.py).

A value that rests on less than it could says so beside it; one that is not known is a dash,
never a zero.
"""

from __future__ import annotations

import sys
from decimal import Decimal
from itertools import groupby
from typing import Any, TextIO

from rich import box
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from warehouse.wording import age, count, moment, money, size

Record = dict[str, Any]

TOP = 10
DAYS = 14
REJECTS = 20
EXPLAIN_WIDTH = 100

_TOKEN_ROWS = (
    ("input_tokens", "Input tokens"),
    ("cached_input_tokens", "  read from the cache"),
    ("cache_write_input_tokens", "  written to the cache"),
    ("output_tokens", "Output tokens"),
    ("reasoning_output_tokens", "  for reasoning"),
    ("total_tokens", "Total tokens"),
    ("cost_usd", "Cost"),
)


def print_summary(data: Record, out: TextIO | None = None) -> None:
    """Sessions, tokens and cost, with what they cover."""
    console = _console(out)
    usage, coverage = data["usage"], data["coverage"]
    if not usage["sessions"]:
        console.print("No sessions yet. `rollhouse status` tells what was read.")
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
    table = _table("", ">Sum", "Covers")
    for name, label in _TOKEN_ROWS:
        share = coverage[name]
        table.add_row(label, _amount(name, usage[name]), _share(share, "response"))
    _show(console, table)
    if (confidence := coverage["price_confidence"]) and usage["responses"]:
        told = ", ".join(f"{number:,} {escape(name)}" for name, number in confidence.items())
        console.print(f"Cost rests on prices that are: {told} (responses)", style="dim")
    _groups(console, "Project", "project", usage["by_project"], TOP)
    _groups(console, "Model", "model", usage["by_model"], TOP)
    if len(usage["by_label"]) > 1:
        _groups(console, "Label", "label", usage["by_label"], TOP)
    _groups(console, "Day", "day", usage["by_day"][::-1], DAYS)


def _groups(console: Console, title: str, key: str, rows: list[Record], shown: int) -> None:
    if not rows:
        return
    table = _table(title, ">Sessions", ">Responses", ">Tokens", ">Cost", "")
    for row in rows[:shown]:
        table.add_row(
            escape(str(row[key])) if row[key] is not None else "[dim](unknown)[/]",
            f"{row['sessions']:,}",
            f"{row['responses']:,}",
            _amount("total_tokens", row["total_tokens"]),
            _amount("cost_usd", row["cost_usd"]),
            _partly(row["cost_covered_responses"], row["responses"]),
        )
    _show(console, table)
    if len(rows) > shown:
        console.print(f"and {len(rows) - shown:,} more; --json has all", style="dim")


def _partly(covered: int, total: int) -> str:
    return f"[dim]{covered:,} of {total:,} priced[/]" if covered < total else ""


def print_status(data: Record, out: TextIO | None = None) -> None:
    """Where the warehouse is, what is in it, and what is missing."""
    console = _console(out)
    warehouse, fresh = data["warehouse"], data["freshness"]
    console.print(f"[bold]{escape(warehouse['path'])}[/]  {size(warehouse['size_bytes'])}")
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
        console.print(f"Warning: {escape(warning)}", style="yellow")

    table = _table(
        "Sources", "Label", "State", ">Sources", ">Lines", ">Read", ">Rejected", ">Deferred"
    )
    for row in data["sources"]:
        table.add_row(
            row["kind"],
            escape(row["label"] or ""),
            row["state"],
            f"{row['sources']:,}",
            f"{row['lines']:,}",
            size(row["bytes_read"]),
            f"{row['rejected_lines']:,}",
            size(row["deferred_bytes"]) if row["deferred_bytes"] else "0",
        )
    _show(console, table)
    if not data["sources"]:
        console.print("nothing was found to read", style="dim")
    for row in data["problems"][:REJECTS]:
        console.print(
            f"{row['state']}: {escape(row['path'])}: {escape(row['error'])}", style="yellow"
        )
    if len(data["problems"]) > REJECTS:
        console.print(f"and {len(data['problems']) - REJECTS:,} more; --json has all", style="dim")

    if data["rejects"]:
        table = _table("Rejected lines", "Rule", ">Lines", ">Sources")
        for row in data["rejects"][:REJECTS]:
            table.add_row(row["kind"], row["rule"], f"{row['lines']:,}", f"{row['sources']:,}")
        _show(console, table)

    table = _table("Not covered", ">Covered", ">Of", "Detail")
    for row in data["not_covered"]:
        table.add_row(
            escape(row["meaning"]),
            f"{row['covered']:,}",
            f"{row['total']:,}",
            escape(row["detail"] or ""),
        )
    if data["not_covered"]:
        _show(console, table)
    else:
        console.print("\nEverything that was read is covered.")

    table = _table("Layer", ">Rows", "Tables")
    for layer, rows in groupby(data["tables"], key=lambda row: row["layer"]):
        tables = list(rows)
        named = [f"{row['name']} [dim]{row['rows']:,}[/]" for row in tables if row["rows"]]
        if empty := len(tables) - len(named):
            named.append(f"[dim]{count(empty, 'empty table')}[/]")
        table.add_row(layer, f"{sum(row['rows'] for row in tables):,}", ", ".join(named))
    _show(console, table)

    table = _table("Builds", "When", ">Seconds", ">Rows", ">Warnings")
    for row in data["builds"]:
        table.add_row(
            row["id"] + (" (current)" if row["is_current"] else ""),
            f"{moment(row['built_at'])}",
            f"{row['seconds']:.1f}",
            f"{row['rows']:,}",
            f"{row['warnings']:,}",
        )
    _show(console, table)


def print_explanation(data: Record, out: TextIO | None = None) -> None:
    """Every usage line of a thread with the verdict on it, and what the lines come to."""
    console = _console(out, EXPLAIN_WIDTH)
    which = f", turn {data['turn']}" if data["turn"] else ""
    console.print(f"[bold]Thread {escape(data['session_id'])}{which}[/]")
    prices: dict[Price, list[Record]] = {}
    for line in data["lines"]:
        if line["is_counted"]:
            prices.setdefault(_price(line), []).append(line)
    numbers = {price: number for number, price in enumerate(prices, start=1)}
    for file in data["files"]:
        lines = [line for line in data["lines"] if line["file"] == file["file"]]
        if lines or (file["is_own"] and not data["turn"]):
            _print_file(console, file, lines, numbers, data["session_id"])
    if prices:
        _print_prices(console, prices, numbers)
    _print_sums(console, data["sums"])
    _print_reconciliation(console, data["reconciliation"])


Price = tuple[str | None, ...]


def _price(line: Record) -> Price:
    """What rows that are priced alike share."""
    names = ("model", "rate_id", "price_tier", "price_band", "price_confidence")
    return tuple(line[name] for name in names)


def _print_file(
    console: Console,
    file: Record,
    lines: list[Record],
    numbers: dict[Price, int],
    session_id: str,
) -> None:
    """The file, what it inherits, and its lines, by turn."""
    console.print()
    if file["is_own"]:
        console.print(escape(file["path"]), soft_wrap=True)
        console.print(_inheritance(file), style="dim")
    else:
        console.print(f"{escape(file['path'])} [dim](of another thread)[/]", soft_wrap=True)
    if not lines:
        console.print("no line with usage", style="dim")
        return
    table = _table("", ">Line", "Time", ">Input", ">Cached", ">Output", ">Total", ">Cost", "", "")
    table.padding = (0, 1, 0, 0)
    for turn, group in groupby(lines, key=lambda line: line["turn_index"]):
        of_turn = list(group)
        day = next((f", {x['recorded_at']:%Y-%m-%d}" for x in of_turn if x["recorded_at"]), "")
        table.add_section()
        table.add_row(*[""] * 9, f"[bold]{f'Turn {turn}' if turn else 'No own turn'}{day}[/]")
        for line in of_turn:
            verdict = escape(line["meaning"])
            if line["session_id"] != session_id:
                verdict += f" (thread {escape(line['session_id'])})"
            table.add_row(
                "+" if line["is_counted"] else "-",
                str(line["line_number"]),
                f"{line['recorded_at']:%H:%M:%S}" if line["recorded_at"] else "-",
                *(
                    _amount(name, line[name])
                    for name in ("input_tokens", "cached_input_tokens", "output_tokens")
                ),
                _amount("total_tokens", line["total_tokens"]),
                _amount("cost_usd", line["cost_usd"]) if line["is_counted"] else "",
                f"[{numbers[_price(line)]}]" if line["is_counted"] else "",
                verdict,
                style=None if line["is_counted"] else "dim",
            )
    _show(console, table)


def _inheritance(file: Record) -> str:
    """Where the copied lines of a file begin and end, and how that was found."""
    told = str(file["meaning"])
    if file["inherits_from_id"]:
        told += f" ({file['inherits_from_id']})"
    if file["inherited_from_line"]:
        first, own = file["inherited_from_line"], file["own_from_line"]
        told += f": lines {first:,} to {own - 1:,}" if own else f": line {first:,} to the end"
    if file["placed_by"]:
        told += f"\nends before {file['placed_by_meaning']}"
    return escape(told)


def _print_prices(
    console: Console, prices: dict[Price, list[Record]], numbers: dict[Price, int]
) -> None:
    table = _table("", "Model", "Rate", "Tier", "Band", "Rests on", ">Responses")
    for price, lines in prices.items():
        table.add_row(
            f"[{numbers[price]}]", *(escape(text or "-") for text in price), f"{len(lines):,}"
        )
    _show(console, table)


def _print_sums(console: Console, sums: Record) -> None:
    counted = sums["counted"]
    table = _table("Counted", ">Sum", "")
    table.add_row("Responses", f"{counted['responses']:,}", "")
    for name, label in _TOKEN_ROWS:
        note = ""
        if name == "cost_usd":
            note = _partly(counted["cost_covered_responses"], counted["responses"])
        table.add_row(label, _amount(name, counted[name]), note)
    _show(console, table)
    if sums["excluded"]:
        table = _table("Left out", ">Lines", ">Tokens shown")
        for row in sums["excluded"]:
            table.add_row(
                row["meaning"], f"{row['lines']:,}", _amount("total_tokens", row["total_tokens"])
            )
        _show(console, table)
    if sums["counted_elsewhere"]:
        console.print(
            f"{count(sums['counted_elsewhere'], 'line')} of these files count in other threads",
            style="dim",
        )


def _print_reconciliation(console: Console, row: Record) -> None:
    """counted = counter - inherited + reverted + ..., the whole thread's, without zeros."""
    console.print()
    console.print("[bold]The whole thread beside Codex's own counter[/]")
    if row["counter_tokens"] is not None:
        terms = "".join(
            f" {sign} {row[f'{name}_tokens']:,} {name.replace('_', ' ')}"
            for sign, name in (
                ("-", "inherited"),
                ("+", "reverted"),
                ("+", "forgotten"),
                ("+", "beyond_counter"),
                ("-", "unplaced"),
                ("+", "unexplained"),
            )
            if row[f"{name}_tokens"]
        )
        console.print(
            f"{row['counted_tokens'] or 0:,} counted = {row['counter_tokens']:,} counter{terms}"
        )
    console.print(escape(row["explanation"]))
    if row["state_tokens_used"] is not None:
        console.print(
            f"{row['state_tokens_used']:,} in Codex's state database: "
            + escape(row["state_explanation"])
        )


# --- pieces ---------------------------------------------------------------------------------------


def _console(out: TextIO | None, width: int = 120) -> Console:
    """As wide as the terminal, elsewhere `width` columns."""
    out = out or sys.stdout
    return Console(file=out, highlight=False, width=None if out.isatty() else width)


def _table(*columns: str) -> Table:
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


def _show(console: Console, table: Table) -> None:
    console.print()
    console.print(table)


def _amount(name: str, value: int | Decimal | None) -> str:
    if value is None:
        return "-"
    return money(value) if name == "cost_usd" else f"{value:,}"


def _share(share: Record, thing: str) -> str:
    covered, total = share["covered"], share["total"]
    if covered == total:
        return f"[dim]all {count(total, thing)}[/]"
    return f"{covered:,} of {count(total, thing)}"
