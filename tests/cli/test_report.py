"""The report: whole in itself, honest about what is not known, safe against odd names."""

from __future__ import annotations

import re
import stat
from datetime import date, timedelta
from decimal import Decimal
from html.parser import HTMLParser
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest

from tests.cli.conftest import Rollhouse
from warehouse import overview
from warehouse.query import QueryError
from warehouse.report import charts, render, write_report
from warehouse.settings import Settings

Record = dict[str, Any]


class Page(HTMLParser):
    """Tables as lists of rows, drawings with their texts, and every address in the page."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tables: list[list[list[str]]] = []
        self.drawings: dict[str, list[str]] = {}
        self.addresses: list[str] = []
        self.open: list[str] = []
        self._drawing: list[str] = []
        self.feed(text)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        values = dict(attrs)
        self.addresses += [
            values[name] or "" for name in ("src", "href", "xlink:href") if name in values
        ]
        if tag in ("script", "link", "iframe", "object", "img"):
            self.addresses.append(tag)
        if tag == "table":
            self.tables.append([])
        elif tag == "tr":
            self.tables[-1].append([])
        elif tag in ("td", "th"):
            self.tables[-1][-1].append("")
        elif tag == "svg":
            self._drawing = self.drawings.setdefault(values["aria-label"] or "", [])
        if tag not in ("meta",):
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        if "td" in self.open or "th" in self.open:
            self.tables[-1][-1][-1] += data
        elif "svg" in self.open and data.strip():
            self._drawing.append(data)


@pytest.fixture(scope="module")
def summary(published: Settings) -> Record:
    return overview.usage(published)


@pytest.fixture(scope="module")
def status(published: Settings) -> Record:
    return overview.status(published)


@pytest.fixture(scope="module")
def page(summary: Record, status: Record) -> Page:
    return Page(render(summary, status))


def test_it_loads_nothing(summary: Record, status: Record, page: Page) -> None:
    text = render(summary, status)
    assert page.open == []
    assert [address for address in page.addresses if not address.startswith("#")] == []
    assert "@import" not in text
    assert re.findall(r"url\((?!#)", text) == []
    namespaces = {"http://www.w3.org/2000/svg", "http://www.w3.org/1999/xlink"}
    assert {*re.findall(r"https?://[^\s\"'<)]+", text)} <= namespaces


def test_tables_hold_the_summary_s_numbers(summary: Record, page: Page) -> None:
    models = page.tables[0]
    assert models[0][0] == "Model"
    assert [row[0] for row in models[1:]] == [row["model"] for row in summary["usage"]["by_model"]]
    for row, cells in zip(summary["usage"]["by_model"], models[1:], strict=True):
        assert cells[models[0].index("Tokens")] == f"{row['total_tokens']:,}"


def test_unknown_is_told_and_zero_is_zero(page: Page) -> None:
    models, projects = page.tables[:2]
    (unpriced,) = [row for row in models if row[0] == "unknown-model-x"]
    assert unpriced[-2:] == ["unknown", "0 of 6"]
    (zero,) = [row for row in projects if row[0].endswith("/sample/ws/zero")]
    assert zero[projects[0].index("Tokens")] == "0"
    assert "unknown" in page.drawings["Cost by model"]
    assert "0" in page.drawings["Tokens by project"]


def test_what_is_not_covered_is_listed(status: Record, page: Page) -> None:
    gaps = page.tables[-1]
    assert [row[0] for row in gaps[1:]] == [row["meaning"] for row in status["not_covered"]]


def test_drawings_take_their_colours_from_the_page(summary: Record, status: Record) -> None:
    text = render(summary, status)
    drawings = "".join(re.findall(r"<svg.*?</svg>", text, re.S))
    assert set(re.findall(r"#[0-9a-fA-F]{6}", drawings)) == set()
    used = set(re.findall(r"var\((--\w+)\)", drawings))
    style = text.split("</style>", 1)[0]
    for block in re.findall(r":root \{(.*?)\}", style, re.S):
        assert used <= set(re.findall(r"(--\w+):", block))


def test_odd_names_are_only_text(summary: Record, status: Record) -> None:
    odd = '/x/<script>alert("1")</script>&amp;$period'
    usage = summary["usage"]
    project = usage["by_project"][0] | {"project": odd}
    text = render({**summary, "usage": usage | {"by_project": [project]}}, status)
    assert "<script" not in text
    assert Page(text).tables[1][1][0] == odd


def test_nothing_read_yet(summary: Record, status: Record) -> None:
    usage: Record = {n: [] if n.startswith("by_") else None for n in summary["usage"]}
    usage |= {"sessions": 0, "turns": 0, "responses": 0}
    nothing = {"covered": 0, "total": 0}
    coverage = dict.fromkeys(summary["coverage"], nothing)
    text = render({"usage": usage, "coverage": coverage}, status)
    assert "No response of a model has been read yet." in text
    assert "<p>No use yet. From the warehouse built " in text
    assert "<title>Codex usage</title>" in text
    assert Page(text).tables == [Page(render(summary, status)).tables[-1]]  # what is not covered


def test_no_price_at_all(summary: Record, status: Record) -> None:
    """An axis of dollars without a bar would look like no cost."""
    (row,) = (row for row in summary["usage"]["by_model"] if row["cost_usd"] is None)
    usage = summary["usage"] | {"cost_usd": None, "responses": 1}
    usage |= {key: [row | {"project": "/p"}] for key in ("by_model", "by_project", "by_label")}
    coverage = summary["coverage"] | {"cost_usd": {"covered": 0, "total": 1}}
    text = render({"usage": usage, "coverage": coverage}, status)
    page = Page(text)
    assert [name for name in page.drawings if name.startswith("Cost")] == []
    assert {"Tokens over time", "Tokens by model", "Tokens by project"} <= page.drawings.keys()
    assert "covers 0 of 1 response<" in text
    assert "The cost leaves out 1 response without a price." in text


def test_a_little_is_not_nothing_and_much_has_its_unit(summary: Record, status: Record) -> None:
    little = Decimal("0.0031")
    row = summary["usage"]["by_model"][0] | {"cost_usd": little, "total_tokens": 999_999}
    usage = summary["usage"] | {"by_model": [row], "cost_usd": little, "total_tokens": 999_999}
    text = render({**summary, "usage": usage}, status)
    page = Page(text)
    assert page.tables[0][1][-2] == "$0.0031"
    assert "$0.0031" in page.drawings["Cost by model"]
    assert "1.0M" in page.drawings["Tokens by model"]
    assert ">1.00M<" in text


def test_goals_stand_beside_what_they_cover(summary: Record, status: Record) -> None:
    group = {
        "closed_goals": 1200,
        "successes": 1199,
        "success_rate": 1199 / 1200,
        "total_attempts": 1500,
        "total_cost_usd": Decimal("12.5"),
        "total_cost_usd_known_goals": 40,
        "known_cost_per_success_usd": None,
        "known_cost_successes": 0,
    }
    empty = {**group, "closed_goals": 0, "goal_type": "retro"}
    goals = {
        "summary": group,
        "by_goal_type": [{**group, "goal_type": "product"}, empty],
        "by_model": [
            {**group, "model_group": "<b>", "total_cost_usd_known_goals": 1200},
            {**group, "model_group": "none", "successes": 0},
        ],
    }
    page = Page(render(summary, status, goals))
    by_type, by_model = page.tables[-2:]
    assert by_type[1:] == [
        *[
            [
                "product",
                "1,200",
                "1,199",
                ">99%",
                "1,500",
                "$12.50",
                "40 of 1,200",
                "unknown",
                "0 of 1,199",
            ]
        ]
    ]
    assert [row[0] for row in by_model[1:]] == ["<b>", "none"]
    assert by_model[1][6] == "all"
    assert by_model[2][-1] == "0 of 0"


def test_file_is_private_and_replaced_whole(published: Settings, tmp_path: Path) -> None:
    path = tmp_path / "report.html"
    path.write_text("old")
    write_report(published, path)
    assert path.read_text(encoding="utf-8").startswith("<!doctype html>")
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert list(tmp_path.iterdir()) == [path]
    nowhere = tmp_path / "nowhere"
    for home in (tmp_path, nowhere):
        with pytest.raises(QueryError, match="there is no warehouse"):
            write_report(published.model_copy(update={"home": home}), home / "report.html")
    assert not nowhere.exists()


def test_command(rollhouse: Rollhouse, published: Settings, tmp_path: Path) -> None:
    path = tmp_path / "out.html"
    done = rollhouse("report", "--home", published.home, "--out", path)
    assert (done.returncode, done.stdout) == (0, f"The report is {path}\n"), done.stderr
    assert path.stat().st_size > 20_000
    done = rollhouse("report", "--home", published.home, "--out", tmp_path / "no" / "out.html")
    assert done.returncode == 2
    assert "there is no folder" in done.stderr
    (tmp_path / "reports").mkdir()
    done = rollhouse("report", "--home", published.home, "--out", tmp_path / "reports")
    assert done.returncode == 2
    assert "reports is a folder; name the file to write" in done.stderr
    assert not [*tmp_path.glob("reports?*"), *(tmp_path / "reports").iterdir()]


# --- time -----------------------------------------------------------------------------------------


def day(number: int, tokens: int | None = 5) -> Record:
    cost = None if tokens is None else Decimal(tokens)
    return {
        "day": date(2026, 1, 1) + timedelta(days=number),
        "input_tokens": tokens,
        "cached_input_tokens": tokens,
        "output_tokens": tokens,
        "cost_usd": cost,
    }


@pytest.mark.parametrize(
    ("last", "unit", "count"),
    [(0, "day", 14), (61, "day", 62), (62, "week", 14), (800, "month", 27)],
)
def test_unit_fits_the_span(last: int, unit: str, count: int) -> None:
    found, rows = charts.buckets([day(0), day(last)] if last else [day(0)])
    assert (found, len(rows)) == (unit, count)


@pytest.mark.parametrize("last", [0, 30, 100, 900])
def test_no_bucket_is_missing_and_nothing_is_lost(last: int) -> None:
    days = [day(number, number) for number in range(0, last + 1, 3)]
    _, rows = charts.buckets(days)
    starts = [row["start"] for row in rows]
    assert starts == sorted(set(starts))
    steps = {(after - before).days for before, after in pairwise(starts)}
    assert steps <= {1, 7, 28, 29, 30, 31}
    assert sum(row.get("output_tokens", 0) for row in rows) == sum(range(0, last + 1, 3))


def test_unknown_sums_stay_unknown() -> None:
    _, rows = charts.buckets([day(0, None), day(1, 3)])
    by_start = {row["start"]: row for row in rows}
    assert "cost_usd" not in by_start[date(2026, 1, 1)]
    assert by_start[date(2026, 1, 2)]["cost_usd"] == 3


def test_rows_without_a_day() -> None:
    assert charts.buckets([{**day(0), "day": None}]) == ("day", [])


def test_names_are_as_short_as_they_can_be() -> None:
    names = ["/a/b/c", "/x/b/c", "/a/b/d", "e", "(unknown)", "/"]
    assert charts.short_names(names) == ["a/b/c", "x/b/c", "b/d", "e", "(unknown)", "/"]


def test_names_of_bars_differ() -> None:
    """Too long ones lose their beginning; bars of one name would be drawn as one."""
    folder = "/srv/" + "very-long-name-of-a-folder/" * 2
    names = [f"{folder}one", f"{folder}two", "/home/x", "/home/x/", None, 'C:\\a"b']
    rows = [{"project": name, "total_tokens": 1000 + n} for n, name in enumerate(names)]
    texts = Page(charts.bars(rows, "project", "total_tokens")).drawings["Tokens by project"]
    ends = [
        "\N{HORIZONTAL ELLIPSIS}long-name-of-a-folder/one",
        "\N{HORIZONTAL ELLIPSIS}long-name-of-a-folder/two",
    ]
    assert texts[:6] == [*ends, "/home/x", "/home/x", "(unknown)", 'C:\\a"b']
    assert [text for text in texts if text.endswith("k")] == ["1.0k"] * 6


@pytest.mark.parametrize(
    ("last", "label"), [(30, "1 Jan"), (300, "29 Dec 2025"), (900, "Jan 2026")]
)
def test_axes_tell_the_year_where_there_are_several(last: int, label: str) -> None:
    unit, rows = charts.buckets([day(0), day(last)])
    for chart, name in (
        (charts.tokens_over_time(rows, unit), "Tokens over time"),
        (charts.cost_over_time(rows, unit), "Cost over time"),
    ):
        assert Page(chart).drawings[name].count(label) == 1
