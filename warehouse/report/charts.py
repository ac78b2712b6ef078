"""The charts of the report: drawn by Altair, as SVG that goes into the page.

Belongs here: what is drawn from rows of `overview`, and its look. Does not belong here: the
page around it.

A drawing takes its colours from the page (so that it follows light, dark and print): Altair is
given stand-ins, which become CSS variables.
"""

from __future__ import annotations

import json
import re
from collections import defaultdict
from collections.abc import Iterable
from datetime import date, timedelta
from functools import partial
from typing import Any

import altair as alt
import vl_convert

from warehouse.wording import money, short

Record = dict[str, Any]

WIDTH = 940
_COLORS = {
    "#010101": "var(--ink)",
    "#020202": "var(--quiet)",
    "#030303": "var(--line)",
    "#040404": "var(--one)",
    "#050505": "var(--two)",
    "#060606": "var(--three)",
}
_INK, _QUIET, _LINE, _ONE, _TWO, _THREE = _COLORS
_FONT = "system-ui, -apple-system, 'Segoe UI', sans-serif"

_KINDS = ("Cached input", "Other input", "Output")
_NAMES = 160  # what names of bars may take, in pixels
_LETTERS = 26  # of an average width that fit there
_MIN_BARS = 14  # so that a single day is not one wide block
_MAX_DAYS = 62
_MAX_WEEKS = 104
_STARTS = {"day": "{0.day} {0:%b}", "week": "{0.day} {0:%b %Y}", "month": "{0:%b %Y}"}


def buckets(days: list[Record]) -> tuple[str, list[Record]]:
    """Days, weeks or months (whatever fits), from the first to the last without gaps.

    Sums stay None where nothing is known; rows without a day are left out.
    """
    dated = [row for row in days if row["day"] is not None]
    if not dated:
        return "day", []
    first, last = dated[0]["day"], dated[-1]["day"]
    span = (last - first).days + 1
    unit = "day" if span <= _MAX_DAYS else "week" if span <= 7 * _MAX_WEEKS else "month"
    sums: dict[date, Record] = defaultdict(dict)
    for row in dated:
        start = _start(row["day"], unit)
        for name in ("input_tokens", "cached_input_tokens", "output_tokens", "cost_usd"):
            if row[name] is not None:
                sums[start][name] = sums[start].get(name, 0) + row[name]
    starts = [_start(last, unit)]
    while len(starts) < _MIN_BARS or starts[-1] > _start(first, unit):
        starts.append(_start(starts[-1] - timedelta(days=1), unit))
    return unit, [{"start": start, **sums.get(start, {})} for start in reversed(starts)]


def _start(day: date, unit: str) -> date:
    if unit == "week":
        return day - timedelta(days=day.weekday())
    return day.replace(day=1) if unit == "month" else day


def tokens_over_time(rows: list[Record], unit: str) -> str:
    """Stacked bars: cached input, other input, output."""
    values = []
    for row in rows:
        cached = row.get("cached_input_tokens", 0)
        parts = (cached, row.get("input_tokens", 0) - cached, row.get("output_tokens", 0))
        for order, (kind, tokens) in enumerate(zip(_KINDS, parts, strict=True)):
            values.append(
                {"start": str(row["start"]), "kind": kind, "order": order, "tokens": tokens}
            )
    chart = (
        alt.Chart(alt.Data(values=values))
        .mark_bar()
        .encode(
            x=_time_axis(rows, unit),
            y=alt.Y("tokens:Q", title=None, axis=alt.Axis(format="~s", tickCount=4)),
            color=alt.Color(
                "kind:N",
                title=None,
                sort=list(_KINDS),
                scale=alt.Scale(domain=list(_KINDS), range=[_ONE, _TWO, _THREE]),
                legend=alt.Legend(orient="top", symbolType="square", columnPadding=16),
            ),
            order=alt.Order("order:Q"),
        )
        .properties(width=WIDTH, height=200)
    )
    return _svg(chart, "Tokens over time")


def cost_over_time(rows: list[Record], unit: str) -> str:
    values = [{"start": str(row["start"]), "cost": float(row.get("cost_usd", 0))} for row in rows]
    chart = (
        alt.Chart(alt.Data(values=values))
        .mark_bar(color=_ONE)
        .encode(
            x=_time_axis(rows, unit),
            y=alt.Y("cost:Q", title=None, axis=alt.Axis(format="$,.2~f", tickCount=4)),
        )
        .properties(width=WIDTH, height=140)
    )
    return _svg(chart, "Cost over time")


def _time_axis(rows: list[Record], unit: str) -> alt.X:
    starts = [str(row["start"]) for row in rows]
    names = {str(row["start"]): _STARTS[unit].format(row["start"]) for row in rows}
    return alt.X(
        "start:O",
        title=None,
        scale=alt.Scale(domain=starts, paddingInner=0.25),
        axis=alt.Axis(
            labelExpr=_lookup(names),
            labelAngle=0,
            labelOverlap="greedy",
            labelSeparation=16,
            grid=False,
        ),
    )


def _lookup(names: dict[str, str]) -> str:
    """What Vega is to write where an axis has these values."""
    return f"{json.dumps(names)}[datum.value]"


def bars(rows: list[Record], key: str, value: str) -> str:
    """One bar a row, the value at its end; a row whose value is not known says so.

    Nothing where no value is known.
    """
    if all(row[value] is None for row in rows):
        return ""
    names = ["(unknown)" if row[key] is None else str(row[key]) for row in rows]
    say = money if value == "cost_usd" else partial(short, digits=1)
    shown = dict(zip(names, map(_cut, short_names(names)), strict=True))
    values = [
        {
            "name": name,
            "value": float(row[value] or 0),
            "text": "unknown" if row[value] is None else say(row[value]),
        }
        for name, row in zip(names, rows, strict=True)
    ]
    base = alt.Chart(alt.Data(values=values)).encode(
        y=alt.Y(
            "name:N",
            title=None,
            sort=names,
            axis=alt.Axis(
                labelExpr=_lookup(shown),
                domain=False,
                ticks=False,
                labelLimit=_NAMES,
                minExtent=_NAMES,
                labelPadding=6,
            ),
        ),
        x=alt.X("value:Q", title=None, axis=None),
    )
    drawn = base.mark_bar(color=_ONE, height=12) + base.mark_text(
        align="left", dx=5, color=_QUIET, fontSize=11
    ).encode(text="text:N")
    # room for fonts that are wider here than where this is drawn, and for the numbers
    room = {"left": 24, "right": 36, "top": 2, "bottom": 2}
    title = "Tokens" if value == "total_tokens" else "Cost"
    chart = drawn.properties(
        width=180,
        height=alt.Step(22),
        padding=room,
        title=alt.Title(title, anchor="start", fontSize=12),
    )
    return _svg(chart, f"{title} by {key}")


def _cut(name: str) -> str:
    """The end of a name that is too long: it is there that most differ."""
    return name if len(name) <= _LETTERS else f"\N{HORIZONTAL ELLIPSIS}{name[1 - _LETTERS :]}"


def short_names(names: Iterable[str]) -> list[str]:
    """Paths by as many of their last parts (two at least) as tell them apart."""
    full = list(names)
    parts = [(name.rstrip("/") or name).split("/") for name in full]
    found = []
    for own in parts:
        length = 2
        while length < len(own) and sum(own[-length:] == other[-length:] for other in parts) > 1:
            length += 1
        found.append("/".join(own[-length:]))
    return found


def _svg(chart: alt.Chart | alt.LayerChart, label: str) -> str:
    """The drawing, scaled by the page and coloured by its CSS."""
    styled = chart.configure(
        background="transparent",
        font=_FONT,
        view=alt.ViewConfig(stroke=None),
        title=alt.TitleConfig(color=_INK),
        axis=alt.AxisConfig(
            labelColor=_QUIET,
            gridColor=_LINE,
            domainColor=_LINE,
            tickColor=_LINE,
            labelFontSize=11,
        ),
        legend=alt.LegendConfig(labelColor=_INK, labelFontSize=12),
    )
    svg = vl_convert.vegalite_to_svg(styled.to_dict())
    svg = re.sub("|".join(_COLORS), lambda found: _COLORS[found.group()], svg)
    return svg.replace("<svg ", f'<svg role="img" aria-label="{label}" ', 1)
