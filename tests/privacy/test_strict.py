"""Strict privacy: what it hides, in which form, and what changes when it is switched on or off.

Belongs here: the lake under strict privacy. Does not belong here: whole builds (test_canary.py).
"""

from __future__ import annotations

import os
import re
from pathlib import Path, PurePosixPath

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.helpers import KEY, Codex, Warehouse, append, assert_like_fresh, body, usage
from tests.privacy.canary import PLACE, places_of
from warehouse.builds import read_build
from warehouse.contracts import ContractError, lake_tables
from warehouse.contracts.base import Column
from warehouse.lake import Lake
from warehouse.privacy import Privacy
from warehouse.publish import Publication
from warehouse.scanning import Root
from warehouse.settings import Settings

STRICT = Privacy("strict", KEY)
HASH = re.compile(r"[0-9a-f]{16}")

names = st.text(
    st.characters(exclude_characters="/\0", exclude_categories=["Cs"]), min_size=1
).filter(lambda name: name != ".")  # which is no part of a path
paths = st.lists(names, min_size=1, max_size=6).map(lambda parts: "/" + "/".join(parts))


@pytest.fixture
def codex(tmp_path: Path) -> Codex:
    return Codex(tmp_path / PLACE / "codex")


@pytest.fixture
def warehouses(tmp_path: Path, codex: Codex) -> dict[str, Warehouse]:
    """The same home under both modes."""
    roots = [Root("codex", codex.root, None)]
    return {mode: Warehouse(tmp_path / "home", roots, mode) for mode in ("standard", "strict")}


def write(codex: Codex, number: int, count: int = 5) -> Path:
    git = {
        "branch": PLACE,
        "repository_url": f"https://example.org/{PLACE}.git",
        "commit_hash": "abc",
    }
    return codex.write(number, count, cwd=f"/{PLACE}/{number}", git=git)


class TestHiddenPaths:
    @given(path=paths)
    def test_tell_nothing_and_stay_as_they_are(self, path: str) -> None:
        hidden = STRICT.hidden_path(path)
        assert re.fullmatch(r"(/[0-9a-f]{16})+", hidden)
        assert len(PurePosixPath(hidden).parts) == len(PurePosixPath(path).parts)
        assert STRICT.hidden_path(hidden) == hidden
        assert Privacy("strict", b"another").hidden_path(path) != hidden

    @given(folder=paths, name=names, other=paths)
    def test_show_what_lies_below_what(self, folder: str, name: str, other: str) -> None:
        below = STRICT.hidden_path(f"{folder}/{name}")
        assert below.startswith(STRICT.hidden_path(folder) + "/")
        is_below = f"{folder}/{name}".startswith(other + "/")
        assert below.startswith(STRICT.hidden_path(other) + "/") == is_below


class TestContracts:
    def test_places_are_texts_that_can_be_hidden(self) -> None:
        found = {
            column.name: column.strict
            for table in lake_tables().values()
            for column in table.columns
            if column.strict
        }
        assert {"cwd", "git_branch", "path", "repository_url", "rollout_path"} <= found.keys()
        assert found["repository_url"] == "dropped"
        for table in lake_tables().values():
            for column in table.columns:
                assert not column.strict or column.type == "VARCHAR"
                assert column.strict != "dropped" or column.nullable

    def test_readers_are_told(self) -> None:
        columns = {c.name: c for c in lake_tables()["parsed_session_meta"].columns}
        assert columns["cwd"].comment.endswith("Its keyed hash under strict privacy.")
        assert columns["repository_url"].comment.endswith("NULL under strict privacy.")

    def test_an_unknown_word_is_a_mistake(self) -> None:
        with pytest.raises(ContractError, match="unknown strict: hidden"):
            Column("x", "VARCHAR", "X", strict="hidden")


class TestSwitching:
    def test_on_hides_all_and_parses_only_what_is_there(
        self, codex: Codex, warehouses: dict[str, Warehouse], tmp_path: Path
    ) -> None:
        for number in range(4):
            write(codex, number)
        standard, strict = warehouses["standard"], warehouses["strict"]
        standard.sync()
        codex.path(3).unlink()
        standard.sync()
        assert places_of(PLACE, standard.home)
        assert strict.sync().work == (3, 3 * 6)
        assert places_of(PLACE, strict.home) == {}
        assert not strict.sync().plan.news
        for column in ("cwd", "git_branch"):
            values = [value for (value,) in strict.rows("parsed_session_meta", column)]
            assert len(values) == 4
            assert all(HASH.fullmatch(value) for value in values)
        assert {url for (url,) in strict.rows("parsed_session_meta", "repository_url")} == {None}
        assert len({repo for (repo,) in strict.rows("parsed_session_meta", "repo_id")}) == 1
        assert {commit for (commit,) in strict.rows("parsed_session_meta", "git_commit")} == {"abc"}
        write(codex, 3)
        strict.sync()
        assert_like_fresh(strict, tmp_path / "fresh")

    def test_on_when_nothing_is_there_any_more(
        self, codex: Codex, warehouses: dict[str, Warehouse]
    ) -> None:
        write(codex, 1)
        standard, strict = warehouses["standard"], warehouses["strict"]
        standard.sync()
        before = standard.table("raw_lines").to_pylist()
        codex.path(1).unlink()
        standard.sync()
        assert strict.sync().plan.news
        assert places_of(PLACE, strict.home) == {}
        assert strict.table("raw_lines").to_pylist() == before
        assert not strict.sync().plan.news

    def test_on_when_a_file_cannot_be_read(
        self, codex: Codex, warehouses: dict[str, Warehouse]
    ) -> None:
        path = write(codex, 1)
        standard, strict = warehouses["standard"], warehouses["strict"]
        standard.sync()
        packed = path.with_name(path.name + ".zst")
        packed.write_bytes(b"no frame")
        path.unlink()
        strict.sync()
        assert [source.state for source in strict.sources.values()] == ["unreadable"]
        assert len(strict.rows("parsed_session_meta", "cwd")) == 1
        assert places_of(PLACE, strict.home) == {}

    def test_on_when_a_file_breaks_while_it_is_read(
        self, codex: Codex, warehouses: dict[str, Warehouse]
    ) -> None:
        path = write(codex, 1)
        standard, strict = warehouses["standard"], warehouses["strict"]
        standard.sync()
        plan = strict.scan()
        path.unlink()
        with strict.lake.lock():
            strict.ingest(plan)
        assert [source.state for source in strict.sources.values()] == ["unreadable"]
        assert len(strict.rows("parsed_session_meta", "cwd")) == 1
        assert places_of(PLACE, strict.home) == {}

    def test_off_shows_what_is_there_and_keeps_the_rest_hidden(
        self, codex: Codex, warehouses: dict[str, Warehouse]
    ) -> None:
        write(codex, 1)
        write(codex, 2)
        standard, strict = warehouses["standard"], warehouses["strict"]
        strict.sync()
        codex.path(2).unlink()
        strict.sync()
        step = standard.sync()
        assert step.work == (1, 6)
        assert (step.plan.moved, step.plan.missing) == (0, 0)
        shown = sorted(cwd for (cwd,) in standard.rows("parsed_session_meta", "cwd"))
        assert shown[0] == f"/{PLACE}/1"
        assert HASH.fullmatch(shown[1])
        assert not standard.sync().plan.news
        write(codex, 2)
        assert standard.sync().work == (1, 6)
        assert f"/{PLACE}/2" in {cwd for (cwd,) in standard.rows("parsed_session_meta", "cwd")}

    def test_on_again_hashes_nothing_twice(
        self, codex: Codex, warehouses: dict[str, Warehouse]
    ) -> None:
        write(codex, 1)
        write(codex, 2)
        strict = warehouses["strict"]
        strict.sync()
        codex.path(2).unlink()
        strict.sync()
        before = sorted(strict.rows("parsed_session_meta", "cwd"))
        warehouses["standard"].sync()
        strict.sync()
        assert sorted(strict.rows("parsed_session_meta", "cwd")) == before


class TestScanning:
    """The registry holds no path, and scans work as they do with paths."""

    def test_registry_and_files_tell_no_place(
        self, codex: Codex, warehouses: dict[str, Warehouse]
    ) -> None:
        write(codex, 1)
        strict = warehouses["strict"]
        strict.sync()
        assert places_of(PLACE, strict.home) == {}
        assert places_of("rollout-", strict.home) == {}
        (path,) = [path for (path,) in strict.rows("raw_sources", "path")]
        assert HASH.fullmatch(path)

    def test_changes_are_seen_and_nothing_else(
        self, codex: Codex, warehouses: dict[str, Warehouse], tmp_path: Path
    ) -> None:
        for number in range(1, 5):
            write(codex, number)
        strict = warehouses["strict"]
        strict.sync()
        assert not strict.scan().news
        append(codex.path(1), usage(9))
        codex.path(2).rename(codex.archived / codex.path(2).name)
        codex.path(3).unlink()
        step = strict.sync()
        assert step.work == (1, 1)
        assert (step.plan.moved, step.plan.missing) == (1, 1)
        assert strict.sync().work == (0, 0)
        assert not strict.sync(verify=True).plan.work
        write(codex, 3)
        strict.sync()
        assert_like_fresh(strict, tmp_path / "fresh")

    def test_what_lies_in_a_folder_that_cannot_be_listed_is_not_missing(
        self, codex: Codex, warehouses: dict[str, Warehouse], monkeypatch: pytest.MonkeyPatch
    ) -> None:
        write(codex, 1)
        strict = warehouses["strict"]
        strict.sync()
        real = os.scandir

        def refusing(path: str) -> object:
            if str(path).endswith("/04"):
                raise PermissionError(13, "Permission denied", path)
            return real(path)

        monkeypatch.setattr("os.scandir", refusing)
        step = strict.sync()
        assert [source.state for source in strict.sources.values()] == ["unreadable"]
        assert [path.endswith("/04") for path, _ in step.plan.problems] == [True]
        monkeypatch.undo()
        strict.sync()
        assert [source.state for source in strict.sources.values()] == ["present"]

    def test_large_files_are_read_in_ranges(
        self, codex: Codex, warehouses: dict[str, Warehouse], monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr("warehouse.ingest.SPLIT_BYTES", 400)
        path = write(codex, 1)
        append(path, body(40, 6))
        strict = warehouses["strict"]
        assert strict.sync().work == (1, 46)
        numbers = [number for (number,) in strict.rows("raw_lines", "line_number")]
        assert numbers == list(range(1, 47))


class TestPublished:
    def publish(self, lake: Lake, privacy: str, keep: int = 5) -> str:
        with Publication(lake, lake.manifest(), 256_000_000, 1, "UTC") as publication:
            return publication.publish([], "code", {}, keep, privacy).id

    def test_older_builds_that_tell_places_go_with_the_first_strict_one(
        self, tmp_path: Path
    ) -> None:
        lake = Lake(tmp_path)
        (lake.root / "builds").mkdir(parents=True)

        def kept() -> list[str]:
            return sorted(path.name for path in (lake.root / "builds").iterdir())

        standard = [self.publish(lake, "standard") for _ in range(2)]
        assert kept() == sorted(standard)
        strict = [self.publish(lake, "strict")]
        assert kept() == strict
        strict.append(self.publish(lake, "strict"))
        assert kept() == sorted(strict)
        again = self.publish(lake, "standard")
        assert kept() == sorted([*strict, again])
        record = read_build(lake.root / "current")
        assert record is not None
        assert (record.id, record.privacy) == (again, "standard")

    def test_mode_comes_from_the_settings(self, tmp_path: Path) -> None:
        assert Settings(home=tmp_path).privacy == "standard"
        with pytest.raises(ValueError, match="standard"):
            Settings.model_validate({"privacy": "none"})
