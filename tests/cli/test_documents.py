"""What README and docs say is true: queries give what is shown, commands and settings exist.

Belongs here: everything in a user document that a machine can try. Does not belong here: the
data dictionary (tests/contracts).
"""

from __future__ import annotations

import io
import re
import shlex
import shutil
import tomllib
from pathlib import Path
from typing import NamedTuple

import duckdb
import pytest
import typer

from tests.cli.conftest import ROOT
from warehouse import resources
from warehouse.cli import app
from warehouse.contracts import lake_tables
from warehouse.headers import read_model
from warehouse.models import create_empty, load_models, run_macros, run_model
from warehouse.publish import STORAGE_VERSION
from warehouse.query import run_query
from warehouse.settings import Settings, SourceSetting, load_settings
from warehouse.sources import NAMED_KINDS

README = ROOT / "README.md"
PAGES = [README, *sorted((ROOT / "docs").glob("*.md"))]
EXAMPLE = ROOT / "rollhouse.example.toml"


class Block(NamedTuple):
    """A fenced block, and the one right after it if that shows what comes out."""

    page: str
    language: str
    text: str
    output: str | None


def blocks(language: str) -> list[Block]:
    found = []
    pattern = re.compile(r"^```(\w*)\n(.*?)^```\n(?:\n```text\n(.*?)^```\n)?", re.M | re.S)
    for page in PAGES:
        for match in pattern.finditer(page.read_text(encoding="utf-8")):
            if match[1] == language:
                found.append(Block(page.name, *match.groups()))
    return found


def is_model(block: Block) -> bool:
    return block.text.startswith("/*")


# --- queries and programs ---------------------------------------------------------------------


@pytest.mark.parametrize("block", [b for b in blocks("sql") if not is_model(b)])
def test_query_gives_what_is_shown(block: Block, published: Settings) -> None:
    out = io.StringIO()
    run_query(published, block.text, "table", out)
    rows = [line.rstrip() for line in out.getvalue().splitlines()]
    assert rows[-1] != "(0 rows)"
    if block.page == README.name or block.output is not None:
        assert (block.output or "").splitlines() == rows


@pytest.mark.parametrize("block", [b for b in blocks("sql") if is_model(b)])
def test_model_runs(block: Block, tmp_path: Path) -> None:
    sql = tmp_path / "sql"
    shutil.copytree(resources.sql_folder(), sql)
    (sql / "derived" / "example.sql").write_text(block.text)
    models = {model.name: model for model in load_models(sql)}
    read = models["example"].references
    assert read
    tables = lake_tables() | {name: model.table for name, model in models.items()}
    with duckdb.connect() as connection:
        run_macros(sql, connection)
        create_empty([tables[name] for name in read], connection)
        assert run_model(models["example"], connection) == 0


@pytest.mark.parametrize("block", blocks("python"))
def test_program_runs(
    block: Block, published: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "data").symlink_to(published.home)
    monkeypatch.chdir(tmp_path)
    exec(compile(block.text, block.page, "exec"), {})


# --- commands ---------------------------------------------------------------------------------


def commands() -> list[tuple[str, list[str]]]:
    """Every command line that begins with rollhouse, without comments and redirections."""
    found = []
    for block in [*blocks("bash"), *blocks("")]:
        for line in block.text.splitlines():
            words = shlex.split(line, comments=True)
            if words and words[0] == "rollhouse":
                kept = [words.index(sign) for sign in ("<", ">", "|") if sign in words]
                found.append((block.page, words[1 : min(kept, default=len(words))]))
    return found


@pytest.mark.parametrize(("page", "words"), commands())
def test_command_is_understood(page: str, words: list[str]) -> None:
    command = typer.main.get_command(app)
    with command.make_context("rollhouse", list(words)) as context:
        name, inner, rest = command.resolve_command(  # type: ignore[attr-defined]
            context, [*context._protected_args, *context.args]
        )
        assert inner is not None
        inner.make_context(name, rest, parent=context)


def test_commands_are_found() -> None:
    assert len(commands()) > 10


def test_every_command_is_documented() -> None:
    section = README.read_text().split("## Commands", 1)[1].split("\n## ", 1)[0]
    named = re.findall(r"^\| `rollhouse ([a-z-]+)", section, re.M)
    known = typer.main.get_command(app).list_commands(None)  # type: ignore[attr-defined]
    assert sorted(named) == sorted(known)


def test_make_targets_exist() -> None:
    targets = set(re.findall(r"^([a-z]+):", (ROOT / "Makefile").read_text(), re.M))
    named = {name for page in PAGES for name in re.findall(r"`make ([a-z]+)", page.read_text())}
    for block in blocks("bash"):
        named |= set(re.findall(r"^make ([a-z]+)", block.text, re.M))
    assert {"warehouse", "ui", "test", "docs"} <= named <= targets


def test_links_lead_somewhere() -> None:
    for page in PAGES:
        for target in re.findall(r"\]\(([^)#]+)[^)]*\)", page.read_text(encoding="utf-8")):
            assert (page.parent / target).exists(), f"{page.name}: {target}"


# --- settings ---------------------------------------------------------------------------------


def test_every_setting_is_documented() -> None:
    text = (ROOT / "docs" / "settings.md").read_text()
    assert re.findall(r"^\| `(\w+)` \|", text, re.M) == [*Settings.model_fields]


def test_defaults_are_the_documented_ones(monkeypatch: pytest.MonkeyPatch) -> None:
    text = (ROOT / "docs" / "settings.md").read_text()
    defaults = dict(re.findall(r"^\| `(\w+)` \| `(\S+)` \|", text, re.M))
    assert len(defaults) >= 3
    for name, value in defaults.items():
        assert str(Settings.model_fields[name].default) == value


@pytest.fixture
def _no_variables(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in Settings.model_fields:
        monkeypatch.delenv(f"ROLLHOUSE_{name.upper()}", raising=False)
    monkeypatch.delenv("ROLLHOUSE_CONFIG", raising=False)


@pytest.mark.usefixtures("_no_variables")
def test_example_shows_every_setting_and_is_right(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    text = EXAMPLE.read_text()
    assert tomllib.loads(text) == {}  # as it stands, it changes nothing
    commented_out = re.compile(r"^# (?=[a-z_]+ = |\[)", re.M)
    shown = tomllib.loads(commented_out.sub("", text))
    assert shown.keys() == Settings.model_fields.keys()
    assert {key for source in shown["sources"] for key in source} == {*SourceSetting.model_fields}
    (tmp_path / "rollhouse.toml").write_text(commented_out.sub("", text))
    (tmp_path / shown["rates_file"]).touch()
    monkeypatch.chdir(tmp_path)
    settings = load_settings()
    assert settings.home == tmp_path / "data"
    for name in ("memory_limit", "privacy", "keep_builds"):
        assert getattr(settings, name) == Settings.model_fields[name].default


def test_every_kind_of_source_is_documented() -> None:
    section = README.read_text().split("## What is read", 1)[1]
    assert tuple(re.findall(r"^\| `([a-z-]+)` \|", section, re.M)) == tuple(NAMED_KINDS)


def test_oldest_client_is_the_one_that_files_are_written_for() -> None:
    told = set(re.findall(r"DuckDB\s+(1\.\d+\.\d+) and newer", README.read_text()))
    assert told == {STORAGE_VERSION.removeprefix("v")}


def test_cookbook_s_model_has_a_header_like_the_real_ones(tmp_path: Path) -> None:
    (block,) = [b for b in blocks("sql") if is_model(b)]
    path = tmp_path / "example.sql"
    path.write_text(block.text)
    header, select, _ = read_model(path)
    assert header.key == ["status"]
    assert select.startswith("SELECT")
