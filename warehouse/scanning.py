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

import os
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path

import msgspec
import zstandard

from warehouse import resources
from warehouse.lake import Lake, Source
from warehouse.privacy import Privacy
from warehouse.reading import (
    open_plain,
    read_head,
    sum_of_file,
    sum_of_whole,
    tail_hash_at,
)
from warehouse.sources import KINDS, kinds_at
from warehouse.sources.base import DAMAGED, Found, Identity, reason


@dataclass(frozen=True, slots=True)
class Root:
    """A place to look for sources: one entry of the settings, globs and `~` resolved."""

    kind: str
    path: Path
    label: str | None


@dataclass(slots=True)
class Work:
    """A source to read from `start` on. With `replaced`, its old rows are dropped.

    `replaced` is the registry's entry of those old rows: should reading fail, they stay.
    """

    source: Source
    start: int
    replaced: Source | None = None


@dataclass(slots=True)
class Plan:
    """The outcome of a scan. `registry` is the new state but for what `work` will add.

    `paths` tells where the sources lie that are there: under strict privacy, the registry
    itself does not.
    """

    registry: dict[str, Source] = field(default_factory=dict)
    paths: dict[str, str] = field(default_factory=dict)
    work: list[Work] = field(default_factory=list)
    dropped: list[Source] = field(default_factory=list)
    files: int = 0
    unchanged: int = 0
    moved: int = 0
    missing: int = 0
    problems: list[tuple[str, str]] = field(default_factory=list)
    registry_changed: bool = False
    news: bool = False
    _told: list[tuple[str, str]] = field(default_factory=list)

    @property
    def bytes_to_read(self) -> int:
        return sum(max(0, work.source.size - work.start) for work in self.work)

    @property
    def known_problems(self) -> list[tuple[str, str]]:
        """Sources that cannot be read, or whole: path and what is wrong."""
        return [*self._told, *((s.path, s.error) for s in self.registry.values() if s.error)]

    def forget_sources(self) -> None:
        """Give back what the build is done with: a kilobyte a source, of which there are many."""
        self._told = self.known_problems
        for of_sources in (self.registry, self.paths, self.work, self.dropped):
            of_sources.clear()


def scan(
    roots: Iterable[Root], registry: list[Source], privacy: Privacy, verify: bool = False
) -> Plan:
    """Compare what lies below `roots` with the registry. Opens only what looks changed.

    `verify` reads all files and compares hashes. Rows of another parser version, or made
    under other privacy, are read anew.
    """
    return _Scan(registry, privacy, verify).run(roots)


def sample_places(privacy: Privacy) -> tuple[str, str]:
    """How the registry's paths in the sample that comes along begin: in clear, and hidden."""
    sample = os.path.realpath(resources.sample_folder())
    return sample + os.sep, privacy.hidden_path(sample) + os.sep


class _Scan:
    def __init__(self, registry: list[Source], privacy: Privacy, verify: bool) -> None:
        self._seed = privacy.seed
        self._privacy = privacy
        self._fingerprint = privacy.fingerprint
        self._verify = verify
        # places are compared hidden under strict privacy, and at the first scan after it
        self._is_hiding = privacy.is_strict or any(
            privacy.is_hidden(source.path) for source in registry if source.state != "missing"
        )
        before, registry = registry, [self._kept(source) for source in registry]
        self._plan = Plan(
            registry={source.source_id: source for source in registry},
            registry_changed=registry != before,
        )
        self._by_place = {
            (s.kind, self._place(s.logical)): s for s in registry if s.state != "missing"
        }
        self._by_base: dict[tuple[str, str], list[Source]] = {}
        for source in registry:
            self._by_base.setdefault((source.kind, source.base_id), []).append(source)
        self._by_size: dict[tuple[str, int], list[Source]] = {}
        for source in registry:
            self._by_size.setdefault((source.kind, source.size), []).append(source)
        self._placed = sorted(  # longest first
            (source for source in registry if source.thread_id is None and source.bytes_read),
            key=lambda source: -source.bytes_read,
        )
        self._claimed = self._plan.paths
        self._unseen: list[Found] = []  # files and folders that could not be looked at

    def run(self, roots: Iterable[Root]) -> Plan:
        self._settle(self._look(roots))
        self._miss()
        shows_too_much = self._privacy.shows_too_much
        if any(shows_too_much(source.privacy) for source in self._plan.registry.values()):
            self._plan.news = True  # rows that are kept, and must be rewritten
        return self._plan

    def _kept(self, source: Source) -> Source:
        """A registry entry as this privacy has it."""
        if not self._privacy.is_strict:
            return source
        path, logical = map(self._privacy.hidden_path, (source.path, source.logical))
        return msgspec.structs.replace(source, path=path, logical=logical)

    def _stored(self, path: str) -> str:
        """A path as the registry keeps it."""
        return self._privacy.hidden_path(path) if self._privacy.is_strict else path

    def _place(self, path: str) -> str:
        """A path, of the registry or found, in the form in which places are compared."""
        return self._privacy.hidden_path(path) if self._is_hiding else path

    def _name(self, path: str) -> str:
        return os.path.basename(self._place(path))

    def _known_at(self, found: Found) -> Source | None:
        return self._by_place.get((found.kind, self._place(found.logical)))

    def _look(self, roots: Iterable[Root]) -> list[Found]:
        """All files; those that look as they did are claimed, the others returned."""
        unsure: list[Found] = []
        places: dict[str, set[str]] = {kind: set() for kind in KINDS}
        everything = (
            found
            for root in roots
            for kind in kinds_at(root.kind)
            for found in kind.discover(root.path, root.label)
        )
        for found in everything:
            of_kind = places[found.kind]
            if found.logical in of_kind:
                continue  # two settings may name the same folder
            of_kind.add(found.logical)
            if found.error is not None:
                self._unseen.append(found)
                self._plan.problems.append((found.path, found.error))
                continue
            self._plan.files += 1
            known = self._known_at(found)
            if known is not None and self._looks_the_same(known, found):
                self._claim(known, found)
                self._plan.unchanged += 1
            else:
                unsure.append(found)
        return unsure

    def _claim(self, source: Source, found: Found) -> None:
        path = source.path if source.path == found.path else found.path  # one string is enough
        self._claimed[source.source_id] = path

    def _looks_the_same(self, known: Source, found: Found) -> bool:
        return (
            not self._verify
            and known.size == found.size
            and known.mtime_ns == found.mtime_ns
            and known.path == self._stored(found.path)
            and (known.state == "present" or known.error == DAMAGED)
            and known.label == found.label
            and self._is_current(known)
        )

    def _is_current(self, known: Source) -> bool:
        """Whether its rows are what this code would make of the same bytes."""
        version = KINDS[known.kind].parser_version
        return known.parser_version == version and known.privacy == self._fingerprint

    def _settle(self, unsure: list[Found]) -> None:
        """Identify the files that look new or changed, the longest of equals first."""
        identified: list[tuple[Found, Identity]] = []
        for found in unsure:
            try:
                head = read_head(found.path, found.is_compressed)
            except (OSError, zstandard.ZstdError) as problem:
                self._unreadable(found, problem, self._known_at(found))
            else:
                identified.append((found, KINDS[found.kind].identify(found, head)))
        identified.sort(key=lambda pair: (pair[1].base_id, -pair[0].size, pair[0].logical))
        # files at their known place first: a copy elsewhere must not take their identity
        moved = []
        for found, identity in identified:
            known = self._known_at(found)
            if known is not None and known.base_id == identity.base_id:
                self._compare(known, found, identity)
            else:
                moved.append((found, identity))
        new = []
        for found, identity in moved:
            known = self._homeless(found, identity)
            if known is not None:
                if self._place(known.logical) != self._place(found.logical):  # and not back again
                    self._plan.moved += 1
                self._compare(known, found, identity)
            else:
                new.append((found, identity))
        for found, identity in moved:
            self._overwritten(found, identity)
        for found, identity in new:
            known = self._vanished_twin(found) or self._outgrown(found)
            if known is not None:
                self._plan.moved += 1
                self._compare(self._put(known, base_id=identity.base_id), found, identity)
            else:
                self._new(found, identity)

    def _homeless(self, found: Found, identity: Identity) -> Source | None:
        """A source of this identity that no file claims: it is gone, or was moved here."""
        known = [
            source
            for source in self._by_base.get((found.kind, identity.base_id), [])
            if source.source_id not in self._claimed
        ]
        looks = (found.size, found.mtime_ns)  # of several, rather the one that looks like it
        return min(known, key=lambda s: (s.size, s.mtime_ns) != looks, default=None)

    def _overwritten(self, found: Found, identity: Identity) -> None:
        """Drop what was at a file's place if this file now stands for it.

        That is the same thread, written anew from its first line on. The rows of another
        thread stay: its file is missing.
        """
        there = self._known_at(found)
        if there is None or there.source_id in self._claimed:
            return
        if there.thread_id is not None and there.thread_id == identity.thread_id:
            self._drop(there)

    def _miss(self) -> None:
        """What no file claimed is missing, unless it may lie where nothing can be seen.

        The sample is nobody's history: once it is not read any more, its rows go.
        """
        sample = sample_places(self._privacy)
        for source in list(self._plan.registry.values()):
            if source.source_id in self._claimed:
                continue
            if source.path.startswith(sample):
                self._drop(source)
                continue
            if source.state == "missing":
                continue
            unseen = next((found for found in self._unseen if self._lies_at(source, found)), None)
            if unseen is not None:
                if self._put(source, state="unreadable", error=unseen.error) != source:
                    self._plan.news = True
            elif source.bytes_read:
                self._put(source, state="missing", error=None)
                self._plan.missing += 1
                self._plan.news = True
            else:  # nothing was ever read from it, so there is nothing to keep
                self._drop(source)

    def _vanished_twin(self, found: Found) -> Source | None:
        """A source that is no longer at its place and had this file's very content."""
        if found.is_compressed:
            return None
        for known in self._by_size.get((found.kind, found.size), []):
            if known.source_id in self._claimed or known.source_id not in self._plan.registry:
                continue
            if known.bytes_read and self._content_sum(known, found) == known.content_sum:
                return known
        return None

    def _outgrown(self, found: Found) -> Source | None:
        """A source that is no longer at its place, and whose whole content this file begins with.

        Only of those that nothing but their place tells apart; of several, the longest.
        """
        if found.is_compressed or found.is_whole:
            return None
        for known in self._placed:
            if (
                known.kind == found.kind
                and known.bytes_read <= found.size
                and known.source_id not in self._claimed
                and known.source_id in self._plan.registry
                and self._ends_alike(known, found)
                and self._content_sum(known, found) == known.content_sum
            ):
                return known
        return None

    def _ends_alike(self, known: Source, found: Found) -> bool:
        """Whether a source's last bytes stand in the file: most others need not be read."""
        try:
            with open_plain(found.path, False) as file:
                return tail_hash_at(file, known.bytes_read) == known.tail_hash
        except OSError:
            return False

    def _content_sum(self, known: Source, found: Found) -> int | None:
        try:
            if found.is_whole:
                return sum_of_whole(found.path, self._seed)
            return sum_of_file(found.path, False, self._seed, known.bytes_read)[0]
        except OSError:
            return None

    def _new(self, found: Found, identity: Identity) -> Source:
        taken = self._plan.registry
        source_id = identity.base_id
        copy = 1
        while source_id in taken:
            copy += 1
            source_id = f"{identity.base_id}-{copy}"
        # a source that moved keeps the id that its old place gave it: no copy of that one
        is_copy = copy > 1 and taken[identity.base_id].base_id == identity.base_id
        source = Source(
            source_id=source_id,
            base_id=identity.base_id,
            kind=found.kind,
            label=found.label,
            path=self._stored(found.path),
            logical=self._stored(found.logical),
            thread_id=identity.thread_id,
            copy_of=identity.base_id if is_copy else None,
            is_archived=found.is_archived,
            is_compressed=found.is_compressed,
            is_whole=found.is_whole,
            size=found.size,
            mtime_ns=found.mtime_ns,
            day=Lake.bucket(identity.day),
            parser_version=KINDS[found.kind].parser_version,
            privacy=self._fingerprint,
        )
        self._claim(source, found)
        taken[source_id] = source
        self._plan.news = True
        self._plan.work.append(Work(source, 0))
        return source

    def _compare(self, known: Source, found: Found, identity: Identity) -> None:
        """Decide what a known source needs: nothing, its new end, or to be read anew."""
        try:
            start, has_more = self._stands(known, found)
        except (OSError, zstandard.ZstdError) as problem:
            self._unreadable(found, problem, known)
            return
        self._claim(known, found)
        present = self._put(
            known,
            label=found.label,
            path=self._stored(found.path),
            logical=self._stored(found.logical),
            thread_id=identity.thread_id,
            is_archived=found.is_archived,
            is_compressed=found.is_compressed,
            size=found.size,
            mtime_ns=found.mtime_ns,
            state="present",
            error=None,
            parser_version=KINDS[found.kind].parser_version,
            privacy=self._fingerprint,
        )
        if start is None:
            self._plan.news = True
            self._plan.work.append(Work(present, 0, replaced=known))
        elif has_more:
            self._plan.news = True
            self._plan.work.append(Work(present, start))
        else:
            self._plan.unchanged += 1
            visible = ["label", "path", "state", "is_archived", "is_compressed", "error"]
            if found.is_dated:
                visible.append("mtime_ns")
            if any(getattr(known, name) != getattr(present, name) for name in visible):
                self._plan.news = True

    def _stands(self, old: Source, found: Found) -> tuple[int | None, bool]:
        """(bytes read before that still stand, or None; whether there is more after them)."""
        if not self._is_current(old):
            return None, True
        if found.is_whole and self._name(old.logical) != self._name(found.logical):
            return None, True  # some parsers take a day or a version from the name
        looks_as_before = (
            old.size == found.size
            and old.mtime_ns == found.mtime_ns
            and old.is_compressed == found.is_compressed
        )
        if looks_as_before and old.state != "unreadable" and not self._verify:
            return old.bytes_read, False  # only moved
        if found.is_whole:
            same = self._content_sum(old, found) == old.content_sum
            return (old.bytes_read, False) if same else (None, True)
        if not found.is_compressed and found.size > old.size and not self._verify:
            with open_plain(found.path, False) as file:
                same = tail_hash_at(file, old.bytes_read) == old.tail_hash
            # what was written between the last scan and the reading after it was read, too
            has_more = found.size != old.bytes_read + old.deferred_bytes
            return (old.bytes_read, has_more) if same else (None, True)
        total, end, deferred = sum_of_file(
            found.path, found.is_compressed, self._seed, old.bytes_read
        )
        if end < old.bytes_read or total != old.content_sum:
            return None, True
        return old.bytes_read, (end, deferred) != (old.bytes_read, old.deferred_bytes)

    def _unreadable(self, found: Found, problem: Exception, known: Source | None) -> None:
        """Report a file that cannot be read; what was read of it before stays."""
        error = reason(problem) if isinstance(problem, OSError) else DAMAGED
        self._plan.problems.append((found.path, error))
        if known is None:
            known = self._new(found, KINDS[found.kind].identify(found, b""))
            self._plan.work.pop()
        self._claim(known, found)
        changes: dict[str, object] = {
            "label": found.label,
            "path": self._stored(found.path),
            "logical": self._stored(found.logical),
            "is_archived": found.is_archived,
            "is_compressed": found.is_compressed,
            "state": "unreadable",
            "error": error,
        }
        if error == DAMAGED:  # it will stay so until it changes: no need to look again
            changes |= {"size": found.size, "mtime_ns": found.mtime_ns}
        if self._put(known, **changes) != known:
            self._plan.news = True

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

    def _lies_at(self, source: Source, found: Found) -> bool:
        """Whether a source is (or lies below) what could not be looked at."""
        if source.kind != found.kind:
            return False
        if self._place(source.logical) == self._place(found.logical):
            return True
        return self._place(source.path).startswith(self._place(found.path) + os.sep)
