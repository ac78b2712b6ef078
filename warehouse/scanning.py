"""What changed on disk since the last build: the plan of what must be read.

Belongs here: comparing the files that are there with the registry of sources. Does not
belong here: reading for rows, or writing anything; the same code answers "did anything
change?" within milliseconds, so it imports no Arrow and no DuckDB.

A file that looks as it did (path, size, time of change) is taken as unchanged without
being opened; `verify` reads it all and compares hashes. Any other file is opened: its
first line tells which source it is, and the bytes before the last position that was read
tell whether it only grew.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path

import msgspec
import zstandard

from warehouse.lake import Source
from warehouse.reading import (
    DAMAGED,
    open_plain,
    read_head,
    sum_of_file,
    sum_of_whole,
    tail_hash_at,
)
from warehouse.sources import KINDS
from warehouse.sources.base import Found, Identity


@dataclass(frozen=True, slots=True)
class Root:
    """A place to look for sources: one entry of the settings, globs and `~` resolved."""

    kind: str
    path: Path
    label: str | None


@dataclass(slots=True)
class Work:
    """A source to read from `start` on. With `replaces`, its old rows are dropped."""

    source: Source
    start: int
    replaces: bool


@dataclass(slots=True)
class Plan:
    """The outcome of a scan. `registry` is the new state but for what `work` will add."""

    registry: dict[str, Source] = field(default_factory=dict)
    work: list[Work] = field(default_factory=list)
    dropped: list[Source] = field(default_factory=list)
    files: int = 0
    unchanged: int = 0
    moved: int = 0
    missing: int = 0
    problems: list[tuple[str, str]] = field(default_factory=list)
    registry_changed: bool = False
    news: bool = False

    @property
    def bytes_to_read(self) -> int:
        return sum(max(0, work.source.size - work.start) for work in self.work)


def scan(
    roots: Iterable[Root],
    registry: list[Source],
    seed: int,
    verify: bool = False,
    anew: bool = False,
) -> Plan:
    """Compare what lies below `roots` with the registry. Opens only what looks changed.

    `verify` reads all files and compares hashes; `anew` has all of them parsed again.
    """
    if anew:
        registry = [
            s if s.state == "missing" else msgspec.structs.replace(s, parser_version=-1)
            for s in registry
        ]
    return _Scan(registry, seed, verify).run(roots)


class _Scan:
    def __init__(self, registry: list[Source], seed: int, verify: bool) -> None:
        self._seed = seed
        self._verify = verify
        self._plan = Plan(registry={source.source_id: source for source in registry})
        self._by_place = {(s.kind, s.logical): s for s in registry if s.state != "missing"}
        self._by_base: dict[tuple[str, str], list[Source]] = {}
        for source in registry:
            self._by_base.setdefault((source.kind, source.base_id), []).append(source)
        self._by_size: dict[tuple[str, int], list[Source]] = {}
        for source in registry:
            self._by_size.setdefault((source.kind, source.size), []).append(source)
        self._claimed: set[str] = set()

    def run(self, roots: Iterable[Root]) -> Plan:
        plan = self._plan
        unsure: list[Found] = []
        places: set[tuple[str, str]] = set()
        for root in roots:
            for found in KINDS[root.kind].discover(root.path, root.label):
                place = (found.kind, found.logical)
                if place in places:
                    continue  # two settings may name the same folder
                places.add(place)
                plan.files += 1
                known = self._by_place.get(place)
                if known is not None and self._looks_the_same(known, found):
                    self._claimed.add(known.source_id)
                    plan.unchanged += 1
                else:
                    unsure.append(found)
        self._places = places
        self._settle(unsure)
        for source in list(plan.registry.values()):
            if source.source_id not in self._claimed and source.state != "missing":
                self._put(source, state="missing", error=None)
                plan.missing += 1
                plan.news = True
        return plan

    def _looks_the_same(self, known: Source, found: Found) -> bool:
        return (
            not self._verify
            and known.size == found.size
            and known.mtime_ns == found.mtime_ns
            and known.path == found.path
            and (known.state == "present" or known.error == DAMAGED)
            and known.label == found.label
            and known.parser_version == KINDS[found.kind].parser_version
        )

    def _settle(self, unsure: list[Found]) -> None:
        """Identify the files that look new or changed, the longest of equals first."""
        identified: list[tuple[Found, Identity]] = []
        for found in unsure:
            try:
                head = read_head(found.path, found.is_compressed)
            except (OSError, zstandard.ZstdError) as problem:
                self._unreadable(found, problem)
            else:
                identified.append((found, KINDS[found.kind].identify(found, head)))
        identified.sort(key=lambda pair: (pair[1].base_id, -pair[0].size, pair[0].logical))
        # files at their known place first: a copy elsewhere must not take their identity
        rest = []
        for found, identity in identified:
            known = self._by_place.get((found.kind, found.logical))
            if known is not None and known.base_id == identity.base_id:
                self._compare(known, found, identity)
            else:
                rest.append((found, identity))
        for found, identity in rest:
            self._place_elsewhere(found, identity)

    def _place_elsewhere(self, found: Found, identity: Identity) -> None:
        """A file whose place and identity the registry does not know together."""
        there = self._by_place.get((found.kind, found.logical))
        if there is not None and there.source_id not in self._claimed:
            rewritten = there.thread_id is not None and there.thread_id == identity.thread_id
            if rewritten or not there.lines:
                # the same thread, written anew from its first line on (or a first line at last)
                self._drop(there)
        for known in self._by_base.get((found.kind, identity.base_id), []):
            at_its_place = (known.kind, known.logical) in self._places
            if known.source_id in self._claimed or known.source_id not in self._plan.registry:
                continue
            if known.state == "missing" or not at_its_place:
                self._plan.moved += 1
                self._compare(known, found, identity)
                return
        if (known := self._vanished_twin(found)) is not None:
            self._plan.moved += 1
            known = self._put(known, base_id=identity.base_id)
            self._compare(known, found, identity)
            return
        self._new(found, identity)

    def _vanished_twin(self, found: Found) -> Source | None:
        """A source that is no longer at its place and had this file's very content."""
        for known in self._by_size.get((found.kind, found.size), []):
            gone = known.state == "missing" or (known.kind, known.logical) not in self._places
            if not gone or known.source_id in self._claimed or not known.lines:
                continue
            if known.source_id not in self._plan.registry or found.is_compressed:
                continue
            if self._content_sum(known, found) == known.content_sum:
                return known
        return None

    def _content_sum(self, known: Source, found: Found) -> int | None:
        try:
            if found.is_whole:
                return sum_of_whole(found.path, self._seed)
            return sum_of_file(found.path, False, self._seed, known.bytes_read)[0]
        except OSError:
            return None

    def _new(self, found: Found, identity: Identity) -> None:
        taken = self._plan.registry
        source_id = identity.base_id
        copy = 1
        while source_id in taken:
            copy += 1
            source_id = f"{identity.base_id}-{copy}"
        source = Source(
            source_id=source_id,
            base_id=identity.base_id,
            kind=found.kind,
            label=found.label,
            path=found.path,
            logical=found.logical,
            thread_id=identity.thread_id,
            copy_of=identity.base_id if copy > 1 else None,
            is_archived=found.is_archived,
            is_compressed=found.is_compressed,
            is_whole=found.is_whole,
            size=found.size,
            mtime_ns=found.mtime_ns,
            day=identity.day,
            parser_version=KINDS[found.kind].parser_version,
        )
        self._claimed.add(source_id)
        taken[source_id] = source
        self._plan.news = True
        self._plan.work.append(Work(source, 0, replaces=False))

    def _compare(self, known: Source, found: Found, identity: Identity) -> None:
        """Decide what a known source needs: nothing, its new end, or to be read anew."""
        self._claimed.add(known.source_id)
        old = msgspec.structs.replace(known)
        present = self._put(
            known,
            label=found.label,
            path=found.path,
            logical=found.logical,
            thread_id=identity.thread_id,
            is_archived=found.is_archived,
            is_compressed=found.is_compressed,
            size=found.size,
            mtime_ns=found.mtime_ns,
            state="present",
            error=None,
            parser_version=KINDS[found.kind].parser_version,
        )
        try:
            start, has_more = self._stands(old, found)
        except (OSError, zstandard.ZstdError) as problem:
            self._unreadable(found, problem)
            return
        if start is None:
            self._plan.news = True
            self._plan.work.append(Work(present, 0, replaces=True))
        elif has_more:
            self._plan.news = True
            self._plan.work.append(Work(present, start, replaces=False))
        else:
            self._plan.unchanged += 1
            visible = ("label", "path", "state", "is_archived", "is_compressed", "error")
            if any(getattr(old, name) != getattr(present, name) for name in visible):
                self._plan.news = True

    def _stands(self, old: Source, found: Found) -> tuple[int | None, bool]:
        """(bytes read before that still stand, or None; whether there is more after them)."""
        if old.parser_version != KINDS[found.kind].parser_version:
            return None, True
        as_before = (
            old.size == found.size
            and old.mtime_ns == found.mtime_ns
            and old.is_compressed == found.is_compressed
        )
        if as_before and old.state != "unreadable" and not self._verify:
            return old.bytes_read, False  # only moved
        if found.is_whole:
            same = self._content_sum(old, found) == old.content_sum
            return (old.bytes_read, False) if same else (None, True)
        if not found.is_compressed and found.size > old.size and not self._verify:
            with open_plain(found.path, False) as file:
                same = tail_hash_at(file, old.bytes_read) == old.tail_hash
            return (old.bytes_read, True) if same else (None, True)
        total, end, deferred = sum_of_file(
            found.path, found.is_compressed, self._seed, old.bytes_read
        )
        if end < old.bytes_read or total != old.content_sum:
            return None, True
        return old.bytes_read, (end, deferred) != (old.bytes_read, old.deferred_bytes)

    def _unreadable(self, found: Found, problem: Exception) -> None:
        """Report a file that cannot be opened; what was read of it before stays."""
        if isinstance(problem, OSError):
            error = problem.strerror or type(problem).__name__
        else:
            error = DAMAGED
        self._plan.problems.append((found.path, error))
        known = self._by_place.get((found.kind, found.logical))
        if known is None:
            identity = KINDS[found.kind].identify(found, b"")
            self._new(found, identity)
            known = self._plan.work.pop().source
        elif (known.state, known.error) != ("unreadable", error):
            self._plan.news = True
        self._claimed.add(known.source_id)
        self._put(known, state="unreadable", error=error)

    def _drop(self, source: Source) -> None:
        del self._plan.registry[source.source_id]
        self._plan.dropped.append(source)
        self._plan.news = True

    def _put(self, source: Source, **changes: object) -> Source:
        """Replace a registry entry, noting whether anything in it changed."""
        new = msgspec.structs.replace(source, **changes)
        if new != source:
            self._plan.registry_changed = True
        self._plan.registry[source.source_id] = new
        return new
