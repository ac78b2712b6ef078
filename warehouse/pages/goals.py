"""The page of goals, as `rollhouse summary` prints it where there are ledgers.

Belongs here: its layout. Does not belong here: what a number means (sql/summary), and the
rows (ledger_block.py).
"""

from __future__ import annotations

from decimal import Decimal
from typing import TextIO

from rich.console import Console

from warehouse.pages.layout import Record, new_page, new_table, plain, show
from warehouse.wording import count, money, percent

# label, kind of value, and the columns of: sum, goals in it, mean per success, successes in that
_COSTS = (
    (
        "Cost",
        "cost_usd",
        (
            "total_cost_usd",
            "total_cost_usd_known_goals",
            "known_cost_per_success_usd",
            "known_cost_successes",
        ),
        (
            "usage_cost_usd",
            "usage_cost_goals",
            "any_cost_per_success_usd",
            "any_cost_successes",
        ),
    ),
    (
        "Tokens",
        "tokens",
        (
            "total_tokens",
            "total_tokens_known_goals",
            "known_cost_per_success_tokens",
            "known_token_successes",
        ),
        (
            "usage_tokens_total",
            "usage_tokens_goals",
            "any_cost_per_success_tokens",
            "any_token_successes",
        ),
    ),
)
_FITS = (("exact_fit_goals", "exact"), ("partial_fit_goals", "partial"), ("miss_goals", "missed"))


def print_goals(data: Record, out: TextIO | None = None) -> None:
    """Outcomes, cost and tokens per success with what they cover, and what to look at."""
    console = new_page(out)
    whole = data["summary"]
    closed = whole["closed_goals"]
    ledgers = count(len(data["ledgers"]), "ledger")
    console.print(f"[bold]{count(closed, 'closed goal')}[/] in {ledgers}")
    if closed:
        console.print(
            f"{whole['successes']:,} succeeded, {whole['fails']:,} failed "
            f"({percent(whole['success_rate'])} success), "
            f"{count(whole['total_attempts'], 'attempt')}",
            style="dim",
        )
        _print_costs(console, whole)
        _print_groups(console, "Type", "goal_type", data["by_goal_type"])
        _print_groups(console, "Model", "model_group", data["by_model"])
        if len(data["by_label"]) > 1:
            _print_groups(console, "Label", "label_group", data["by_label"])
        _print_reasons(console, data["failure_reasons"])
        _print_quality(console, data["quality"])
    _print_hints(console, data)


def _print_costs(console: Console, whole: Record) -> None:
    """Sums and means, as the ledger says, and with what Codex says where the ledger does not."""
    table = new_table("", ">Sum", "Known for", ">Per success", "Known for")
    for label, name, in_ledger, in_codex in _COSTS:
        total, goals, mean, successes = in_ledger
        table.add_row(
            f"{label}, as the ledger says",
            _value(name, whole[total]),
            f"{whole[goals]:,} of {count(whole['closed_goals'], 'goal')}",
            _value(name, whole[mean]),
            f"{whole[successes]:,} of {count(whole['successes'], 'success', 'successes')}",
        )
        total, goals, mean, successes = in_codex
        if whole[goals]:
            table.add_row(
                f"{label}, from Codex where it does not",
                _value(name, whole[total]),
                count(whole[goals], "goal more", "goals more"),
                _value(name, whole[mean]),
                f"{whole[successes]:,} of {count(whole['successes'], 'success', 'successes')}",
            )
    show(console, table)


def _print_groups(console: Console, title: str, key: str, rows: list[Record]) -> None:
    table = new_table(
        *(title, ">Closed", ">Succeeded", ">Rate", ">Attempts"),
        *(">Cost", "Known for", ">Cost per\nsuccess", "Known for"),
    )
    for row in rows:
        if not row["closed_goals"]:
            continue
        table.add_row(
            plain(str(row[key])),
            f"{row['closed_goals']:,}",
            f"{row['successes']:,}",
            percent(row["success_rate"]),
            f"{row['total_attempts']:,}",
            _value("cost_usd", row["total_cost_usd"]),
            f"{row['total_cost_usd_known_goals']:,} of {row['closed_goals']:,}",
            _value("cost_usd", row["known_cost_per_success_usd"]),
            f"{row['known_cost_successes']:,} of {row['successes']:,}",
        )
    show(console, table)


def _print_reasons(console: Console, rows: list[Record]) -> None:
    """Goals and attempts that failed, by reason."""
    fails: dict[str, dict[str, int]] = {}
    for row in rows:
        fails.setdefault(row["reason"], {})[row["record"]] = row["fails"]
    if not fails:
        return
    table = new_table("Failed because of", ">Goals", ">Attempts")
    for reason, by in sorted(fails.items(), key=lambda item: (-item[1].get("goal", 0), item[0])):
        table.add_row(plain(reason), f"{by.get('goal', 0):,}", f"{by.get('entry', 0):,}")
    show(console, table)


def _print_quality(console: Console, row: Record) -> None:
    if not row["closed_product_goals"]:
        return
    fits = ", ".join(f"{row[name]:,} {what}" for name, what in _FITS)
    console.print(
        f"\nProduct goals: {row['reviewed_product_goals']:,} of "
        f"{row['closed_product_goals']:,} reviewed ({fits})"
    )


def _print_hints(console: Console, data: Record) -> None:
    """What is wrong with the ledgers, and which goals are worth a look."""
    told: dict[str, list[str]] = {}
    for row in data["violations"]:
        title = "Allowed, but odd" if row["severity"] == "notice" else "Broken rules"
        told.setdefault(title, []).append(f"{row['records']:,} {plain(row['rule'])}")
    for title, rules in sorted(told.items(), reverse=True):
        console.print(f"{title}: {', '.join(rules)}  [dim](table goal_violations)[/]")
    odd = [f"{row['goals']:,} {row['category'].replace('_', ' ')}" for row in data["candidates"]]
    if odd:
        console.print(f"Worth a look: {', '.join(odd)}  [dim](table goal_audit_candidates)[/]")


def _value(name: str, value: int | float | Decimal | None) -> str:
    if value is None:
        return "-"
    return money(Decimal(value)) if name == "cost_usd" else f"{round(value):,}"
