"""One build: scan, ingest, models, checks, publish, in stages that can be run one by one.

Belongs here: the order of stages, what each needs, and the question whether anything
changed at all. Does not belong here: how a stage works, command line, Dagster (whose
steps call these stages).

Imports of Arrow and DuckDB wait until a stage needs them: a build that finds nothing
changed never loads them.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Callable
from contextlib import AbstractContextManager, ExitStack
from dataclasses import dataclass, field
from functools import cached_property, partial
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from threading import RLock
from typing import TYPE_CHECKING

from warehouse import __version__, resources
from warehouse.builds import BuildRecord, current_build, sweep_partial
from warehouse.errors import RollhouseError, UsageError
from warehouse.lake import Lake, Manifest, Source
from warehouse.privacy import Privacy, load_secret
from warehouse.scanning import Plan, sample_places, scan

if TYPE_CHECKING:
    from duckdb import DuckDBPyConnection

    from warehouse.carryover import Carryover
    from warehouse.checks import Check
    from warehouse.ingest import Ingested
    from warehouse.models import Model
    from warehouse.publish import Publication, TableStats
    from warehouse.settings import Settings

LAKE_LAYERS = ("raw", "parsed")


_ADVICE = (
    ". Where lines of a thread's file were lost, or two programs wrote to it at once, its numbers "
    "cannot add up: to publish it as it is, name the thread in `accepted_threads` of rollhouse.toml"
)


class BuildError(RollhouseError):
    """A build cannot go on; the message says why and what to do."""


class Progress:
    """What a build tells while it runs; this one keeps quiet."""

    def reading(self, total_bytes: int) -> None: ...

    def read(self, some_bytes: int) -> None: ...

    def stage(self, name: str) -> None: ...


@dataclass(slots=True)
class Outcome:
    """What a finished (or unnecessary) build came to."""

    plan: Plan
    ingested: Ingested | None = None
    record: BuildRecord | None = None
    checks: list[Check] = field(default_factory=list)


class Build(AbstractContextManager["Build"]):
    """A build in progress. Entering takes the lock and scans; leaving frees all.

    Stages: `ingest`, `run_layer` for each layer in order, `publish`. A stage runs those
    before it that have not run.
    """

    def __init__(
        self, settings: Settings, progress: Progress | None = None, verify: bool = False
    ) -> None:
        self.settings = settings
        self.lake = Lake(settings.home)
        self.progress = progress or Progress()
        self._verify = verify
        self._stack = ExitStack()
        self._publication: Publication | None = None
        self._models: list[Model] | None = None
        self._done: dict[str, dict[str, TableStats]] = {}
        self._checks: dict[str, list[Check]] = {}
        self._changed: set[str] = set()  # tables that hold other rows than the live build's
        self._in_memory: set[str] = set()  # internal models that were made
        self._making = RLock()
        self.plan: Plan
        self.manifest: Manifest
        self.ingested: Ingested | None = None
        self.record: BuildRecord | None = None

    def __enter__(self) -> Build:
        roots = self.settings.roots()
        if self.settings.content.projects:
            from warehouse.content import require_key

            require_key(self.settings)  # without it nothing is read: said before all work
        with ExitStack() as stack:
            # all that is written is its owner's alone
            stack.callback(os.umask, os.umask(0o077))
            stack.enter_context(self.lake.lock())
            self.privacy = Privacy(self.settings.privacy, load_secret(self.settings.home))
            self.manifest = self.lake.manifest()
            self._generation = self.manifest.generation  # before anything is read
            registry = self.lake.sources(self.manifest)
            self._require_own_sources(registry)
            self.plan = scan(roots, registry, self.privacy, self._verify)
            self._stack = stack.pop_all()
        return self

    def __exit__(self, *_: object) -> None:
        self._stack.close()

    def _require_own_sources(self, registry: list[Source]) -> None:
        """Raise UsageError where the sample would be added to what somebody did.

        A Codex home that is not there (a disk that is not mounted, another HOME) is not one that
        was never there.
        """
        sample = sample_places(self.privacy)
        if self.settings.reads_sample and not all(s.path.startswith(sample) for s in registry):
            raise UsageError(
                "there is no ~/.codex here, and the sample is not mixed with the sessions in "
                f"{self.settings.home}: say where they are now, with CODEX_HOME, --source or the "
                "setting sources"
            )

    # --- what is there to do ----------------------------------------------------------------------

    @cached_property
    def code(self) -> str:
        """Identity of all that determines the published tables, but for the lake."""
        return code_identity(self.settings)

    def is_up_to_date(self) -> bool:
        """Whether neither sources nor models changed since the live build. Fast.

        Never so with `verify`: what was published may be damaged by itself.
        """
        record = self.live
        if record is None or self._verify or self.plan.news or self._has_texts_to_capture():
            return False
        return record.generation == self.manifest.generation and record.code == self.code

    def _has_texts_to_capture(self) -> bool:
        if not self.settings.content.projects:
            return False
        from warehouse.content import is_pending

        return is_pending(self.settings, self.manifest.generation, self.privacy)

    @property
    def live(self) -> BuildRecord | None:
        """The build that is published now."""
        return current_build(self.lake)

    def note_unchanged(self) -> None:
        """Remember new times and places of files whose content is the same."""
        if self.plan.registry_changed:
            manifest = self.lake.manifest()
            self.lake.commit_registry(manifest, list(self.plan.registry.values()))

    # --- stages -----------------------------------------------------------------------------

    def ingest(self) -> None:
        """Layers raw and parsed: read what changed and commit it."""
        if LAKE_LAYERS[0] in self._done:
            return
        from warehouse.ingest import ingest

        self.lake.sweep(self.manifest)
        sweep_partial(self.lake)
        if self.plan.news:
            self.progress.reading(self.plan.bytes_to_read)
            self.ingested = ingest(
                self.lake,
                self.manifest,
                self.plan,
                self.privacy,
                self.settings.jobs,
                self.progress.read,
            )
            self.manifest = self.lake.manifest()
        else:
            self.note_unchanged()
        if self._has_texts_to_capture():
            self._capture_texts()
        self.plan.forget_sources()
        self._load_lake()

    def _capture_texts(self) -> None:
        """Texts of the projects that the settings name: encrypted, beside the lake."""
        from warehouse.content import capture

        self.progress.stage("content")
        captured = capture(
            self.settings,
            self.lake.sources(self.manifest),
            self.plan.paths,
            self.manifest.generation,
            self.privacy,
        )
        self.plan.problems += captured.problems

    def _load_lake(self) -> None:
        from warehouse.checks import check_across, check_table
        from warehouse.contracts import lake_tables
        from warehouse.pricing import rates_table
        from warehouse.publish import Publication
        from warehouse.settings import memory_bytes
        from warehouse.together import run_together

        self.progress.stage("loading")
        publication = self._stack.enter_context(
            Publication(
                self.lake,
                self.manifest,
                memory_bytes(self.settings.memory_limit),
                self.settings.jobs,
                self.settings.timezone,
                self._carryover,
                self.settings.accepted_threads,
                is_limit_fixed="memory_limit" in self.settings.model_fields_set,
            )
        )
        self._publication = publication
        publication.run_macros(resources.sql_folder())
        for layer in LAKE_LAYERS:
            self._done[layer] = {}
        tables = lake_tables()
        done: dict[str, TableStats] = {}

        def load(name: str, connection: DuckDBPyConnection) -> None:
            table = tables[name]
            if name != "rates":
                done[name] = publication.load(table, connection)
            elif publication.can_keep(name):  # prices are part of the code's identity
                done[name] = publication.keep(table)
            else:
                prices = rates_table(self.settings.rates_file)
                done[name] = publication.load_frame(table, prices, connection)

        def check(name: str, connection: DuckDBPyConnection) -> None:
            self._check(done[name], name, partial(check_table, tables[name], connection))

        nothing: frozenset[str] = frozenset()
        with publication.working():
            run_together(dict.fromkeys(tables, nothing), load, publication.sessions)
            for name, table in tables.items():
                self._done[table.layer][name] = done[name]
            self._changed = {name for name, stats in done.items() if not stats.is_kept}
            run_together(dict.fromkeys(tables, nothing), check, publication.sessions)
            for name in tables:
                self._checks[name] += check_across(name, publication.connection)

    def _check(self, stats: TableStats, table: str, check: Callable[[], list[Check]]) -> None:
        """The checks of one table by itself: as they came out before, where it was kept."""
        from warehouse.checks import across_names

        assert self._publication is not None
        if not stats.is_kept:
            self._checks[table] = check()
            return
        across = {name for name, _, _ in across_names(table)}
        made = self._publication.carried(table)
        self._checks[table] = [found for found in made.checks if found.name not in across]

    @property
    def models(self) -> list[Model]:
        """All models, in order."""
        if self._models is None:
            from warehouse.models import load_models

            before = self._carryover
            known = None if before is None else before.tables.references
            self._models = load_models(resources.sql_folder(), known)
        return self._models

    @cached_property
    def _carryover(self) -> Carryover | None:
        """What the live build leaves to this one."""
        from warehouse.carryover import find_carryover

        if self._verify:  # nothing that was computed before is trusted either
            return None
        return find_carryover(self.lake, self.code, self.privacy.mode, self._generation)

    def run_layer(self, layer: str) -> None:
        """The models of one layer, and all that come before them."""
        from warehouse.checks import check_across, check_model
        from warehouse.models import MODEL_LAYERS
        from warehouse.together import run_together

        if layer in self._done:
            return
        position = MODEL_LAYERS.index(layer)
        if position:
            self.run_layer(MODEL_LAYERS[position - 1])
        else:
            self.ingest()
        publication = self._publication
        assert publication is not None
        self.progress.stage(layer)
        models = {model.name: model for model in self.models if model.table.layer == layer}
        done: dict[str, TableStats] = {}

        def make(name: str, connection: DuckDBPyConnection) -> None:
            model = models[name]
            if publication.can_keep(name) and not model.references & self._changed:
                copied_by = None if model.header.internal else connection
                done[name] = publication.keep(model.table, copied_by)
            else:
                done[name] = self._run_model(model, connection)
            self._check(done[name], name, partial(check_model, model, connection))

        needs = {name: model.references for name, model in models.items()}
        with publication.working():
            run_together(needs, make, publication.sessions)
            self._done[layer] = {name: done[name] for name in models}
            for name in models:
                self._checks[name] += check_across(name, publication.connection)

    def _run_model(self, model: Model, connection: DuckDBPyConnection) -> TableStats:
        """A model's table made anew; notes whether it holds other rows than the live build's.

        Internal models are not in its file: those that are the same, but read here, are made.
        """
        publication = self._publication
        assert publication is not None
        for name in sorted(model.references & self._internal.keys()):
            with self._making:
                if name not in self._in_memory:
                    self._run_model(self._internal[name], connection)
        stats = publication.run(model, connection, is_read=model.name in self._read)
        if model.header.internal:
            self._in_memory.add(model.name)
        before = publication.carried(model.name) if publication.can_keep(model.name) else None
        if before is None or before.digest is None or before.digest != stats.digest:
            self._changed.add(model.name)
        return stats

    @cached_property
    def _internal(self) -> dict[str, Model]:
        return {model.name: model for model in self.models if model.header.internal}

    @cached_property
    def _read(self) -> frozenset[str]:
        """Tables that models read."""
        return frozenset[str]().union(*(model.references for model in self.models))

    def stats(self, table: str) -> TableStats:
        """Rows and seconds of a table that was made."""
        return next(tables[table] for tables in self._done.values() if table in tables)

    def checks(self, table: str) -> list[Check]:
        """Outcomes of the checks that are shown with a table that was made."""
        return self._checks[table]

    def coverage(self, table: str) -> dict[str, tuple[int, int]]:
        """Of a model that was made: what each sum covers, and what it could, over all rows."""
        from warehouse.checks import coverage_sums

        assert self._publication is not None
        model = next(model for model in self.models if model.name == table)
        return coverage_sums(model, self._publication.connection)

    def require_checks(self) -> None:
        """Raise BuildError if a blocking check failed in what was made so far."""
        if blocking := [check for check in self._failed() if check.is_blocking]:
            raise BuildError(
                "the build is not published, since checks failed (the last one stays live): "
                + "; ".join(f"{c.table}, {c.name}: {c.description}" for c in blocking)
                + (_ADVICE if any(c.table == "reconciliation" for c in blocking) else "")
            )

    def _failed(self) -> list[Check]:
        return [check for checks in self._checks.values() for check in checks if not check.passed]

    def publish(self) -> BuildRecord:
        """Swap the build in. Raises BuildError if a blocking check failed."""
        from warehouse.models import MODEL_LAYERS

        self.run_layer(MODEL_LAYERS[-1])
        assert self._publication is not None
        self.require_checks()
        self.progress.stage("publishing")
        self.record = self._publication.publish(
            self.models, self.code, self._checks, self.settings.keep_builds, self.privacy.mode
        )
        return self.record

    @property
    def outcome(self) -> Outcome:
        checks = [check for checks in self._checks.values() for check in checks]
        return Outcome(self.plan, self.ingested, self.record, checks)


def run(build: Build) -> Outcome:
    """All stages of an entered build, without Dagster."""
    build.publish()  # runs all stages before it
    return build.outcome


def code_identity(settings: Settings) -> str:
    """Hash of all that the published tables rest on beside the lake: code, prices, settings."""
    digest = hashlib.blake2b(digest_size=16)
    package = Path(__file__).resolve().parent
    files = [
        *sorted(resources.sql_folder().rglob("*.sql")),
        *sorted((package / "contracts").glob("*.py")),
        package / "publish.py",
        package / "checks.py",
        package / "models.py",
        package / "pricing.py",
    ]
    if settings.rates_file is not None:
        files.append(settings.rates_file)
    for file in files:
        digest.update(file.name.encode() + b"\0" + file.read_bytes() + b"\0")
    digest.update(f"{__version__} {settings.timezone}".encode())
    for package_name in ("duckdb", "genai-prices"):
        try:
            digest.update(f" {package_name} {version(package_name)}".encode())
        except PackageNotFoundError:
            continue
    return digest.hexdigest()
