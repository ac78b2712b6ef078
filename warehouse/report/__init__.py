"""The report: one HTML file with tables and charts, for reading, printing and sending on.

Belongs here: what is on the page, and writing it. Does not belong here: charts (charts.py),
tables (tables.py), style (page.html), and finding the numbers (warehouse/overview.py).

The file is whole in itself: charts are drawings in it, and it loads nothing from anywhere.
"""

from __future__ import annotations

import os
from datetime import date, datetime
from html import escape
from pathlib import Path
from string import Template
from typing import TYPE_CHECKING, Any

from warehouse import __version__, overview
from warehouse.errors import UsageError
from warehouse.report import charts, tables
from warehouse.wording import count, moment, money, short

if TYPE_CHECKING:
    from warehouse.settings import Settings

Record = dict[str, Any]

_PAGE = Path(__file__).with_name("page.html")
_TOP = 15


def write_report(settings: Settings, path: Path) -> None:
    """Write the report of the published warehouse, readable by its owner alone.

    Raises UsageError if the folder is not there, or the path is one itself.
    """
    summary = overview.usage(settings)  # first: where there is no warehouse, that is to be said
    if not path.parent.is_dir():
        raise UsageError(f"there is no folder {path.parent} to write the report to")
    if path.is_dir():
        raise UsageError(f"{path} is a folder; name the file to write, such as {path}/report.html")
    page = render(summary, overview.status(settings), overview.goals(settings))
    aside = path.with_name(f"{path.name}.{os.getpid()}")
    descriptor = os.open(aside, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(descriptor, "w", encoding="utf-8") as file:
        file.write(page)
    os.replace(aside, path)


def render(summary: Record, status: Record, goals: Record | None = None) -> str:
    """The page for what `overview` found."""
    usage, coverage = summary["usage"], summary["coverage"]
    built_at = status["freshness"]["built_at"]
    period = _period(usage["first_response_at"], usage["last_response_at"])
    timezone = escape(status["warehouse"]["timezone"])
    return Template(_PAGE.read_text(encoding="utf-8")).substitute(
        title=f"Codex usage, {period}" if period else "Codex usage",
        told=f"{period}, in the timezone {timezone}." if period else "No use yet.",
        built=moment(built_at) if built_at else "at an unknown time",
        version=__version__,
        tiles="\n".join(_tiles(usage, coverage)),
        body="\n".join([*_sections(usage, coverage, status), *_goals(goals)]),
    )


def _period(first: datetime | None, last: datetime | None) -> str:
    if first is None or last is None:
        return ""
    days = (_long(first.date()), _long(last.date()))
    return days[0] if days[0] == days[1] else " to ".join(days)


def _long(day: date) -> str:
    return f"{day.day} {day:%B %Y}"


def _tiles(usage: Record, coverage: Record) -> list[str]:
    """The four numbers on top, each with what it covers."""
    with_usage = coverage["sessions_with_usage"]["covered"]
    tokens, cost = usage["total_tokens"], usage["cost_usd"]
    values = (
        ("Sessions", f"{usage['sessions']:,}", f"{with_usage:,} with usage"),
        ("Responses", f"{usage['responses']:,}", f"in {count(usage['turns'], 'turn')}"),
        (
            "Tokens",
            "unknown" if tokens is None else short(tokens, 2),
            _covers(coverage["total_tokens"]),
        ),
        ("Cost", "unknown" if cost is None else money(cost), _covers(coverage["cost_usd"])),
    )
    return [
        f'<div class="tile"><span class="name">{name}</span><span class="value">{value}</span>'
        f'<span class="note">{note}</span></div>'
        for name, value, note in values
    ]


def _covers(share: Record) -> str:
    if share["covered"] == share["total"] > 1:
        return f"covers all {share['total']:,} responses"
    return f"covers {share['covered']:,} of {count(share['total'], 'response')}"


def _sections(usage: Record, coverage: Record, status: Record) -> list[str]:
    if usage["responses"]:
        sections = _use(usage, coverage)
    else:
        sections = ["<p>No response of a model has been read yet.</p>"]
    if status["not_covered"]:
        note = "What is missing here is not known; it is not zero."
        sections.append(_section("Not covered", note, tables.gaps(status["not_covered"])))
    return sections


def _use(usage: Record, coverage: Record) -> list[str]:
    """What was used: over time, by model, project and label."""
    unpriced = coverage["cost_usd"]["total"] - coverage["cost_usd"]["covered"]
    gap = f"The cost leaves out {count(unpriced, 'response')} without a price." if unpriced else ""
    bucket, rows = charts.buckets(usage["by_day"])
    sections = [
        _section(
            f"Tokens per {bucket}",
            "Cached input was read from the cache; output includes reasoning. "
            + _known("cached_input_tokens", "Cached input is known", coverage),
            charts.tokens_over_time(rows, bucket),
        ),
    ]
    if usage["cost_usd"] is not None:
        sections.append(_section(f"Cost per {bucket}", gap, charts.cost_over_time(rows, bucket)))
    for title, key in (("Models", "model"), ("Projects", "project"), ("Labels", "label")):
        rows = usage[f"by_{key}"]
        if key == "label" and len(rows) < 2:
            continue
        note = f"The {_TOP} largest of {len(rows):,}. {gap}" if len(rows) > _TOP else gap
        shown = rows[:_TOP]
        pair = charts.bars(shown, key, "total_tokens") + charts.bars(shown, key, "cost_usd")
        sections.append(
            _section(title, note, f'<div class="pair">{pair}</div>', tables.usage(shown, key))
        )
    return sections


def _goals(goals: Record | None) -> list[str]:
    """What ledgers tell of goals, where there are any."""
    if goals is None or not goals["summary"]["closed_goals"]:
        return []
    whole = goals["summary"]
    note = (
        f"{whole['successes']:,} of {count(whole['closed_goals'], 'closed goal')} succeeded. Cost "
        "is what the ledgers know, of as many goals and successes as stand beside it."
    )
    by_type = tables.goals(goals["by_goal_type"], "goal_type", "Type")
    by_model = tables.goals(goals["by_model"], "model_group", "Model")
    return [_section("Goals", note, by_type, by_model)]


def _known(name: str, text: str, coverage: Record) -> str:
    share = coverage[name]
    if share["covered"] == share["total"]:
        return ""
    return f"{text} for {share['covered']:,} of {count(share['total'], 'response')}."


def _section(title: str, note: str, *parts: str) -> str:
    told = f'<p class="note">{escape(note.strip())}</p>' if note.strip() else ""
    return f"<section><h2>{escape(title)}</h2>{told}{''.join(parts)}</section>"
