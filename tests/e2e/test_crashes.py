"""kill -9 at any moment: the published file stays whole, and the next build is right."""

from __future__ import annotations

import json
import random
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import duckdb
import pytest
from hypothesis import settings as hypothesis_settings

from tests.e2e.builds import Server, leftovers, published
from tests.helpers import Codex, append, body, compressed, rollout
from warehouse.builds import current_build, database_path
from warehouse.lake import Lake

THOROUGH = hypothesis_settings().max_examples > 1000  # under --hypothesis-profile=thorough

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    server = Server(tmp_path_factory.mktemp("sql"))
    yield server
    server.close()


class Scene:
    """A published build, changed sources, and what the build after it must publish."""

    def __init__(self, root: Path, server: Server, size: int) -> None:
        self.server = server
        self.codex = Codex(root / "codex")
        self.before = root / "before"
        paths = [self.codex.write(n, size, day=f"2026-0{n}-01") for n in range(1, 6)]
        self.built(self.before)
        self.old = published(self.before)
        append(paths[0], body(3, size + 1))
        paths[1].unlink()
        paths[2].write_bytes(rollout(3, 2))
        paths[3].rename(self.codex.archived / paths[3].name)
        self.codex.write(6, size, day="2026-01-02")
        self.codex.path(7).with_suffix(".jsonl.zst").write_bytes(compressed(rollout(7, size)))
        self.home = root / "home"
        self.again()
        self.points = self.built(self.home)["points"]
        self.new = published(self.home)
        assert self.new != self.old

    def built(self, home: Path, **how: object) -> dict[str, Any]:
        answer = self.server.build(home, self.codex.root, **how)
        assert answer["error"] == ""
        return answer

    def again(self) -> None:
        """Back to the state before the second build."""
        shutil.rmtree(self.home, ignore_errors=True)
        shutil.copytree(self.before, self.home, symlinks=True)

    def check_readers(self) -> None:
        """What is published is the old or the new version, never anything else."""
        assert published(self.home) in (self.old, self.new)
        lake = Lake(self.home)
        record = current_build(lake)
        assert record is not None
        with duckdb.connect(database_path(lake), read_only=True) as connection:
            generation = connection.execute("SELECT max(generation) FROM sources_read").fetchone()
        assert generation == (record.generation,)

    def check_next_build(self) -> None:
        self.built(self.home)
        assert published(self.home) == self.new
        assert leftovers(self.home) == []
        record = current_build(Lake(self.home))
        assert record is not None
        assert record.generation == 2


@pytest.fixture(scope="module")
def scene(tmp_path_factory: pytest.TempPathFactory, server: Server) -> Scene:
    return Scene(tmp_path_factory.mktemp("scene"), server, size=8)


def chosen(points: list[str]) -> list[int]:
    """All crash points, or one of each of these kinds."""
    if THOROUGH:
        return list(range(1, len(points) + 1))
    kinds = (
        *("replace", "rename", "symlink_to", "write_durably", "commit", "put_part", "rmtree"),
        *("sweep", "load", "publish", "_point_current", "_prune"),
    )
    places = {kind: [n for n, name in enumerate(points, 1) if name == kind] for kind in kinds}
    return sorted(random.Random(kind).choice(at) for kind, at in places.items() if at)


def test_killed_at_points_that_leave_a_trace(scene: Scene) -> None:
    assert {"commit", "put_part", "publish", "_point_current", "rename"} <= set(scene.points)
    for number in chosen(scene.points):
        scene.again()
        answer = scene.built(scene.home, die_at=number)
        assert (answer["signal"], len(answer["points"])) == (9, number)
        scene.check_readers()
        scene.check_next_build()


def test_killed_twice_in_a_row(scene: Scene) -> None:
    points = chosen(scene.points)
    chance = random.Random(1)
    for _ in range(60 if THOROUGH else 3):
        scene.again()
        for number in chance.choices(points, k=2):
            scene.built(scene.home, die_at=number)
            scene.check_readers()
        scene.check_next_build()


def test_the_first_build_killed(tmp_path: Path, scene: Scene) -> None:
    home = tmp_path / "home"
    points = scene.built(home)["points"]
    expected = published(home)
    for number in chosen(points)[:: 1 if THOROUGH else 4]:
        shutil.rmtree(home)
        (tmp_path / "home").mkdir()
        shutil.copy2(scene.before / "secret", home)
        scene.built(home, die_at=number)
        if current_build(Lake(home)) is not None:
            assert published(home).keys() == expected.keys()
        scene.built(home)
        assert leftovers(home) == []
        assert rows_of(published(home)) == rows_of(expected)


def rows_of(tables: dict[str, list[tuple[Any, ...]]]) -> dict[str, int]:
    """Number of rows by table: another secret makes other hashes."""
    return {name: len(rows) for name, rows in tables.items()}


def test_killed_at_any_time_with_workers(
    tmp_path_factory: pytest.TempPathFactory, server: Server
) -> None:
    scene = Scene(tmp_path_factory.mktemp("workers"), server, size=4000)
    chance = random.Random(2)
    had_workers = 0
    for _ in range(60 if THOROUGH else 3):
        scene.again()
        answer = scene.built(scene.home, jobs=2, die_after=chance.uniform(0.02, 1.6))
        had_workers += answer["workers"] > 0
        assert answer["orphans"] == 0
        scene.check_readers()
        scene.check_next_build()
    assert had_workers


def test_build_json_tells_what_is_in_the_file(scene: Scene) -> None:
    scene.again()
    scene.built(scene.home)
    record = json.loads((scene.home / "lake/current/build.json").read_text())
    assert record["rows"] == rows_of(scene.new)
