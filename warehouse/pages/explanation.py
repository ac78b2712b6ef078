"""The page of `rollhouse explain`.

Belongs here: its layout. Does not belong here: the verdicts (explain.py).
"""

from __future__ import annotations

from itertools import groupby
from typing import TextIO

from rich.console import Console

from warehouse.pages.layout import (
    TOKEN_ROWS,
    Record,
    amount,
    new_page,
    new_table,
    partly,
    plain,
    show,
)
from warehouse.wording import count

EXPLAIN_WIDTH = 100


def print_explanation(data: Record, out: TextIO | None = None) -> None:
    """Every usage line of a thread with the verdict on it, and what the lines come to."""
    console = new_page(out, EXPLAIN_WIDTH)
    which = f", turn {data['turn']}" if data["turn"] else ""
    console.print(f"[bold]Thread {plain(data['session_id'])}{which}[/]")
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
        console.print(plain(file["path"]), soft_wrap=True)
        console.print(_inheritance(file), style="dim")
    else:
        console.print(f"{plain(file['path'])} [dim](of another thread)[/]", soft_wrap=True)
    if not lines:
        console.print("no line with usage", style="dim")
        return
    table = new_table(
        "", ">Line", "Time", ">Input", ">Cached", ">Output", ">Total", ">Cost", "", ""
    )
    table.padding = (0, 1, 0, 0)
    for turn, group in groupby(lines, key=lambda line: line["turn_index"]):
        of_turn = list(group)
        day = next((f", {x['recorded_at']:%Y-%m-%d}" for x in of_turn if x["recorded_at"]), "")
        table.add_section()
        table.add_row(*[""] * 9, f"[bold]{f'Turn {turn}' if turn else 'No own turn'}{day}[/]")
        for line in of_turn:
            verdict = plain(line["meaning"])
            if line["session_id"] != session_id:
                verdict += f" (thread {plain(line['session_id'])})"
            table.add_row(
                "+" if line["is_counted"] else "-",
                str(line["line_number"]),
                f"{line['recorded_at']:%H:%M:%S}" if line["recorded_at"] else "-",
                *(
                    amount(name, line[name])
                    for name in ("input_tokens", "cached_input_tokens", "output_tokens")
                ),
                amount("total_tokens", line["total_tokens"]),
                amount("cost_usd", line["cost_usd"]) if line["is_counted"] else "",
                f"[{numbers[_price(line)]}]" if line["is_counted"] else "",
                verdict,
                style=None if line["is_counted"] else "dim",
            )
    show(console, table)


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
    return plain(told)


def _print_prices(
    console: Console, prices: dict[Price, list[Record]], numbers: dict[Price, int]
) -> None:
    table = new_table("", "Model", "Rate", "Tier", "Band", "Rests on", ">Responses")
    for price, lines in prices.items():
        table.add_row(
            f"[{numbers[price]}]", *(plain(text or "-") for text in price), f"{len(lines):,}"
        )
    show(console, table)


def _print_sums(console: Console, sums: Record) -> None:
    counted = sums["counted"]
    table = new_table("Counted", ">Sum", "")
    table.add_row("Responses", f"{counted['responses']:,}", "")
    for name, label in TOKEN_ROWS:
        note = ""
        if name == "cost_usd":
            note = partly(counted["cost_covered_responses"], counted["responses"])
        table.add_row(label, amount(name, counted[name]), note)
    show(console, table)
    if sums["excluded"]:
        table = new_table("Left out", ">Lines", ">Tokens shown")
        for row in sums["excluded"]:
            table.add_row(
                row["meaning"], f"{row['lines']:,}", amount("total_tokens", row["total_tokens"])
            )
        show(console, table)
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
    console.print(plain(row["explanation"]))
    if row["state_tokens_used"] is not None:
        console.print(
            f"{row['state_tokens_used']:,} in Codex's state database: "
            + plain(row["state_explanation"])
        )
    if row["shown_total_tokens"] is not None:
        rounding = f" (±{row['shown_total_error']:,})" if row["shown_total_error"] else ""
        console.print(
            f"{row['shown_total_tokens']:,}{rounding} shown without cached input, where "
            f"{row['counted_uncached_tokens'] or 0:,} are counted: "
            + plain(row["shown_explanation"])
        )
