"""Families of threads as the CLIs of several ages write them, and what they truly used.

Belongs here: a small model of Codex (threads, turns, responses, forks, agents, reverts,
upgrades) that writes rollouts and keeps its own account of every response. Does not belong
here: anything of the product; the account knows who made a response, it never reads a file.

A family is made by steps, each a tuple of a name and three numbers, so that hypothesis can
shorten a failing one.
"""

from __future__ import annotations

import json
from collections import Counter
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import zstandard

BEGIN_MS = 1_790_000_000_000
CUT_OFF = 10_000  # a pause of as many milliseconds ends what cannot be placed otherwise

Json = dict[str, Any]
Step = tuple[str, int, int, int]


@dataclass(frozen=True)
class Dialect:
    """What a CLI of one age writes."""

    version: str
    names_turns: bool = True
    says_starts: bool = True
    repeats_counters: bool = False  # a line at the start of each request, too
    names_source: bool = True
    has_records: bool = False
    has_cache_writes: bool = False
    says_session_id: bool = False
    is_paginated: bool = False

    @property
    def age(self) -> tuple[int, ...]:
        return tuple(int(part) for part in self.version.split("."))


V080 = Dialect("0.80.0", False, False, True, names_source=False)
V117 = Dialect("0.117.0", says_starts=False, repeats_counters=True)
V144 = Dialect("0.144.0")
V169 = Dialect("0.169.0", has_records=True, has_cache_writes=True, says_session_id=True)
V169P = Dialect(
    "0.169.0", has_records=True, has_cache_writes=True, says_session_id=True, is_paginated=True
)
DIALECTS = (V080, V117, V144, V169, V169P)
MODELS = ("gpt-5.4", "gpt-5.4-mini", "gpt-5.5")


@dataclass(frozen=True)
class Response:
    """One model response, as billed."""

    thread: str
    turn: str | None
    number: int
    model: str
    tokens: Json
    is_recorded: bool


@dataclass
class Item:
    """A line without its time. `response` is what a line of usage newly tells of."""

    kind: str
    payload: Json
    response: Response | None = None

    @property
    def is_meta(self) -> bool:
        return self.kind == "session_meta"


@dataclass
class Line:
    at: int
    item: Item
    is_own: bool
    ordinal: int | None = None


@dataclass
class File:
    """One rollout: its lines in order."""

    name: str
    lines: list[Line] = field(default_factory=list)
    base: tuple[File, int] | None = None  # inherited by reference: below this ordinal
    is_unplaceable: bool = False  # own lines before a pause cannot be told from copied ones

    def text(self) -> bytes:
        return b"".join(_render(line) for line in self.lines)


@dataclass
class Thread:
    id: str
    dialect: Dialect
    files: list[File]
    model: str
    total: Json | None = None  # the CLI's cumulative counter
    last: Json | None = None
    spent: Json | None = None  # the counter of records, which compaction does not leave out
    turn: str | None = None
    is_missing: bool = False

    @property
    def file(self) -> File:
        return self.files[-1]

    @property
    def next_ordinal(self) -> int:
        base = self.file.base
        return len(self.file.lines) + (base[1] if base else 0)


class Family:
    """Threads that come from one another, and the truth about them."""

    def __init__(self) -> None:
        self.now = BEGIN_MS
        self.threads: list[Thread] = []
        self.responses: list[Response] = []
        self.copies: list[tuple[str, bytes]] = []
        self._ids = 0
        self._numbers = 0

    # --- steps ----------------------------------------------------------------------------------

    def take(self, step: Step) -> None:
        """One step; a step that makes no sense now is left out."""
        name, a, b, c = step
        if name == "start" or not self.threads:
            self.start(DIALECTS[a % len(DIALECTS)], b)
            return
        thread = self.threads[a % len(self.threads)]
        if name == "turn":
            self.run_turn(thread, b, c)
        elif name == "fork":
            self.fork(thread, b, c)
        elif name == "agent":
            self.spawn(thread, b, c)
        elif name == "upgrade":
            self.upgrade(thread, b)
        elif name == "fail":
            self.fail(thread)
        elif name == "compact":
            self.compact(thread, is_remote=b % 2 == 1)
        elif name == "fill":
            self.fill_window(thread)
        elif name == "revert":
            self.revert(thread, b)
        elif name == "twins":
            self.twins(thread, b)
        elif name == "migrate":
            self.migrate(thread)
        elif name == "copy":
            self.copy(thread, b)
        elif name == "lose":
            thread.is_missing = True
        elif name == "wait":
            self.now += b * 500

    def start(self, dialect: Dialect, seed: int) -> Thread:
        thread = Thread(self._id(), dialect, [], MODELS[seed % len(MODELS)])
        thread.files.append(self._file(thread.id))
        self.threads.append(thread)
        self._own(thread, self._meta(thread))
        self.run_turn(thread, seed, 1)
        return thread

    def run_turn(self, thread: Thread, seed: int, count: int) -> None:
        """A turn of some responses; with the same seed it has the same texts and numbers."""
        d = thread.dialect
        self.now += (200, 700, 2_500, 12_000)[seed % 4]
        thread.model = MODELS[seed // 4 % len(MODELS)]
        thread.turn = self._id() if d.names_turns else None
        context: Json = {"cwd": "/w", "model": thread.model, "summary": "auto"}
        if thread.turn:
            context = {"turn_id": thread.turn, **context}
            started: Json = {"type": "task_started", "turn_id": thread.turn}
            if d.says_starts:
                started["started_at"] = self.now // 1000
            self._own(thread, Item("event_msg", {**started, "model_context_window": 258400}))
        self._own(thread, _message("user", f"prompt {seed}"))
        if not d.is_paginated:
            self._own(
                thread, Item("event_msg", {"type": "user_message", "message": f"prompt {seed}"})
            )
        for number in range(count % 4):
            if number == 0 or not d.names_turns:
                self._own(thread, Item("turn_context", context))
            if d.repeats_counters:
                self._own(thread, self._counter(thread))
            self._respond(thread, seed + number * 7)
        if count % 4 == 0:
            self._own(thread, Item("turn_context", context))
        if thread.turn:
            self._own(thread, Item("event_msg", {"type": "task_complete", "turn_id": thread.turn}))

    def fork(self, source: Thread, cut: int, spread: int) -> None:
        """A user's fork, at the end or after some lines, by the CLI that the thread runs in."""
        self.now += 400
        d = source.dialect
        child = Thread(self._id(), d, [], source.model)
        child.files.append(self._file(child.id))
        self.threads.append(child)
        ends = self._turn_ends(source.file)
        keep = ends[-1 - cut % len(ends)] if cut % 3 and ends else len(source.file.lines)
        if d.is_paginated:
            self._refer(child, source, keep, is_fork=True)
            return
        self._own(child, self._meta(child, source if d.names_source else None))
        items = [line.item for line in source.file.lines[:keep]]
        self._copy_lines(child, items, spread)
        models = [item.payload["model"] for item in items if item.kind == "turn_context"]
        child.model = models[-1] if models else child.model
        if d is V080:
            child.file.is_unplaceable = True
        if d.has_records:
            self._own(child, _settings(child))

    def spawn(self, parent: Thread, inherits: int, seed: int) -> None:
        """A sub-agent, with or without the parent's context."""
        d = parent.dialect
        if d is V080:
            return
        self.now += 300
        child = Thread(self._id(), d, [], parent.model)
        child.files.append(self._file(child.id))
        self.threads.append(child)
        spawn: Json = {"parent_thread_id": parent.id, "depth": 1}
        more: Json = {"source": {"subagent": {"thread_spawn": spawn}}}
        items = [line.item for line in parent.file.lines]
        if inherits % 3 == 0 or (d.is_paginated and parent.file.base):
            self._own(child, self._meta(child, more=more))
        elif d.is_paginated:
            kept = [i for i in items if i.kind != "token_usage_record" and not _is_counter(i)]
            more["subagent_history_start_ordinal"] = len(kept) + 1
            self._own(child, self._meta(child, parent, more))
            self._copy_lines(child, kept, seed, counts=False)
        else:  # records are not copied, counters are, and go on from the parent's
            self._own(child, self._meta(child, parent, more))
            kept = [i for i in items if i.kind != "token_usage_record"]
            self._copy_lines(child, kept, seed, records=False)
        if d.has_records:
            self._own(child, _settings(child))
        self.run_turn(child, seed, 1 + inherits)

    def upgrade(self, thread: Thread, which: int) -> None:
        """The thread goes on in a newer CLI; its files keep their mode."""
        newer = [d for d in (V117, V144, V169) if d.age > thread.dialect.age]
        if thread.dialect.is_paginated or not newer:
            return
        thread.dialect = newer[which % len(newer)]
        self.now += 60_000
        if thread.dialect.has_cache_writes:  # what the file does not have is 0 from now on
            thread.total, thread.last = (
                counter and {"cache_write_input_tokens": 0, **counter}
                for counter in (thread.total, thread.last)
            )
        if thread.dialect.has_records:
            self._own(thread, _settings(thread))

    def fail(self, thread: Thread) -> None:
        """A turn whose only request fails: the counter is written again."""
        thread.turn = self._id() if thread.dialect.names_turns else None
        if thread.turn:
            self._own(thread, Item("event_msg", {"type": "task_started", "turn_id": thread.turn}))
        self._own(thread, self._counter(thread))

    def compact(self, thread: Thread, is_remote: bool) -> None:
        """Compaction: a response of its own, then an estimate. Remote ones are not in totals."""
        if thread.last is None:
            return
        d = thread.dialect
        thread.turn = self._id() if d.names_turns else None
        if thread.turn:
            started: Json = {"type": "task_started", "turn_id": thread.turn}
            if d.says_starts:
                started["started_at"] = self.now // 1000
            self._own(thread, Item("event_msg", started))
        if is_remote and d.has_records:
            self._respond(thread, self.now % 97, in_total=False)
        else:
            self._respond(thread, self.now % 97)
        self._own(thread, Item("compacted", {"message": ""}))
        estimate = {**_zero(d), "total_tokens": 4_000 + self.now % 100}
        thread.last = estimate
        self._own(thread, self._counter(thread))

    def fill_window(self, thread: Thread) -> None:
        """The window is exceeded: the counter forgets all that it counted."""
        if thread.total is None:
            return
        thread.last = {**_zero(thread.dialect), "total_tokens": 1_000}
        thread.total = {**_zero(thread.dialect), "total_tokens": 258_400}
        self._own(thread, self._counter(thread))

    def revert(self, thread: Thread, cut: int) -> None:
        """A new segment of the same thread that goes on from an earlier turn's end."""
        ends = self._turn_ends(thread.file)
        if thread.dialect.is_paginated and ends:
            self.now += 300
            self._refer(thread, thread, ends[cut % len(ends)], is_fork=False)

    def twins(self, source: Thread, seed: int) -> None:
        """A fork and its source go on with equal turns."""
        self.fork(source, 0, 1)
        child = self.threads[-1]
        clock = self.now
        self.run_turn(source, seed | 3, 2)
        self.now = clock + 90_000
        self.run_turn(child, seed | 3, 2)

    def migrate(self, thread: Thread) -> None:
        """A legacy file rewritten as a paginated one: copied metas go, the copied lines stay."""
        if thread.dialect is not V169 or len(thread.files) > 1:
            return
        first, *rest = thread.file.lines
        first.item = Item(first.item.kind, {**first.item.payload, "history_mode": "paginated"})
        thread.file.lines = [first, *(line for line in rest if not line.item.is_meta)]
        for ordinal, line in enumerate(thread.file.lines):
            line.ordinal = ordinal
        thread.dialect = V169P

    def copy(self, thread: Thread, lines: int) -> None:
        """A second copy of the thread's first file, perhaps of an earlier state of it."""
        file = thread.files[0]
        keep = file.lines[: max(1, len(file.lines) - lines % 6)]
        text = b"".join(_render(line) for line in keep)
        self.copies.append((f"{file.name}-copy-{len(self.copies)}", text))

    # --- what a CLI writes ------------------------------------------------------------------------

    def _respond(self, thread: Thread, seed: int, in_total: bool = True) -> None:
        d = thread.dialect
        self._numbers += 1
        self.now += 90 + seed % 50
        tokens = _tokens(d, seed)
        response = Response(
            thread.id, thread.turn, self._numbers, thread.model, tokens, d.has_records
        )
        self.responses.append(response)
        self._own(thread, _message("assistant", f"answer {seed}"))
        if d.has_records:
            thread.spent = _sum(thread.spent, tokens)
            record = {
                "thread_id": thread.id,
                "turn_id": thread.turn,
                "session_id": thread.id,
                "response_id": f"resp_{self._numbers}",
                "usage": tokens,
                "turn_token_usage": tokens,
                "thread_token_usage": thread.spent,
            }
            self._own(thread, Item("token_usage_record", record, response))
        if in_total:
            thread.total = _sum(thread.total, tokens)
            thread.last = tokens
            self._own(thread, self._counter(thread, None if d.has_records else response))

    def _counter(self, thread: Thread, response: Response | None = None) -> Item:
        info = None
        if thread.total is not None:
            info = {
                "total_token_usage": dict(thread.total),
                "last_token_usage": dict(thread.last or {}),
                "model_context_window": 258400,
            }
        limits = {"primary": {"used_percent": 1.0, "window_minutes": 300, "resets_at": 1}}
        payload = {"type": "token_count", "info": info, "rate_limits": limits}
        return Item("event_msg", payload, response)

    def _meta(self, thread: Thread, source: Thread | None = None, more: Json | None = None) -> Item:
        payload: Json = {
            "id": thread.id,
            "timestamp": _iso(self.now),
            "cwd": "/w",
            "originator": "codex_cli_rs",
            "cli_version": thread.dialect.version,
            "source": "cli",
            "model_provider": "openai",
            **(more or {}),
        }
        if thread.dialect.says_session_id:
            payload = {"session_id": thread.id, **payload}
        if thread.dialect.is_paginated:
            payload["history_mode"] = "paginated"
        if source is not None:
            payload["forked_from_id"] = source.id
        return Item("session_meta", payload)

    def _own(self, thread: Thread, item: Item) -> None:
        self.now += 5
        ordinal = thread.next_ordinal if thread.dialect.is_paginated else None
        thread.file.lines.append(Line(self.now, item, True, ordinal))

    def _copy_lines(
        self,
        child: Thread,
        items: list[Item],
        spread: int,
        counts: bool = True,
        records: bool = True,
    ) -> None:
        """Copy another thread's lines; they get the time of copying, which may take long."""
        for number, item in enumerate(items):
            if spread % 5 == 4 and number % 4 == 3:
                self.now += 1_300
            ordinal = child.next_ordinal if child.dialect.is_paginated else None
            child.file.lines.append(Line(self.now, item, False, ordinal))
            if counts and _is_counter(item) and item.payload["info"] is not None:
                child.total = dict(item.payload["info"]["total_token_usage"])
                child.last = dict(item.payload["info"]["last_token_usage"])
            if records and item.kind == "token_usage_record":
                child.spent = dict(item.payload["thread_token_usage"])

    def _refer(self, child: Thread, source: Thread, keep: int, is_fork: bool) -> None:
        """Begin a file that inherits the first lines of the source's newest file by reference."""
        base = source.file
        ordinal = (base.base[1] if base.base else 0) + keep
        child.total = child.last = child.spent = None
        for item in _history(base, keep):
            if _is_counter(item) and item.payload["info"] is not None:
                child.total = dict(item.payload["info"]["total_token_usage"])
                child.last = dict(item.payload["info"]["last_token_usage"])
            elif item.kind == "token_usage_record":
                child.spent = dict(item.payload["thread_token_usage"])
        is_first = source.files[0] is base
        named = source.id if is_first else base.name.rpartition("_")[2]
        more: Json = {
            "history_base": {
                "thread_id": named,
                "end_ordinal_exclusive": ordinal,
                "end_byte_offset": 1,
            }
        }
        if is_fork:
            more["forked_from_ordinal_exclusive"] = ordinal
            file = child.file
        else:
            file = self._file(child.id, segment=self._id())
            child.files.append(file)
        file.base = (base, ordinal)
        meta = self._meta(child, source if is_fork else None, more)
        file.lines.append(Line(self.now, meta, True, ordinal))
        self._own(child, _settings(child))

    def _file(self, thread: str, segment: str | None = None) -> File:
        return File(f"rollout-2026-01-01T00-00-00-{thread}" + (f"_{segment}" if segment else ""))

    def _turn_ends(self, file: File) -> list[int]:
        """Lines after which a turn of this file has ended."""
        ends = [
            number
            for number, line in enumerate(file.lines, 1)
            if line.item.payload.get("type") == "task_complete"
        ]
        starts = [
            number
            for number, line in enumerate(file.lines)
            if line.item.payload.get("role") == "user" and number > 2
        ]
        return ends or starts

    def _id(self) -> str:
        """A UUIDv7 of this moment."""
        self._ids += 1
        self.now += 1
        digits = f"{self.now:012x}"
        return f"{digits[:8]}-{digits[8:]}-7{self._ids % 4096:03x}-8000-{self._ids:012x}"

    # --- the truth ------------------------------------------------------------------------------

    def truth(self) -> dict[str, dict[str | None, Json]]:
        """Tokens by thread and model of all responses that the files that are left tell of."""
        told: set[int] = set()
        for thread in self.threads:
            if thread.is_missing:
                continue
            for file in thread.files:
                certain = self._certain_from(file)
                for number, line in enumerate(file.lines):
                    response = line.item.response
                    if response is None:
                        continue
                    is_own = response.thread == thread.id and number >= certain
                    if is_own or response.is_recorded:
                        told.add(response.number)
        found: dict[str, dict[str | None, Json]] = {}
        for response in self.responses:
            if response.number in told:
                models = found.setdefault(response.thread, {})
                sums = models.setdefault(response.model, Counter())
                sums["responses"] += 1
                for name, value in response.tokens.items():
                    sums[name] += value
        return {t: {m: dict(s) for m, s in models.items()} for t, models in found.items()}

    def _certain_from(self, file: File) -> int:
        """The first line of a file that is known to be own: a fork by a CLI that named neither
        source nor turns cannot be placed once its source is gone, but for a long pause."""
        source = next((line.item for line in file.lines[1:] if line.item.is_meta), None)
        if not file.is_unplaceable or source is None:
            return 0
        thread = next(t for t in self.threads if t.id == source.payload["id"])
        if not thread.is_missing:
            return 0
        for number in range(2, len(file.lines)):
            if file.lines[number].at - file.lines[number - 1].at >= CUT_OFF:
                return number
        return len(file.lines)

    def write(self, home: Path, archive: int = 0, compress: int = 0) -> None:
        """Write all files that are left; of every few threads one is archived, or compressed."""
        for number, thread in enumerate(self.threads):
            if thread.is_missing:
                continue
            for file in thread.files:
                is_archived = archive and number % archive == 0
                is_compressed = bool(compress) and number % compress == 0
                folder = home / ("archived_sessions" if is_archived else "sessions/2026/01/01")
                write_rollout(folder, file.name, file.text(), is_compressed)
        for name, text in self.copies:
            if not any(t.is_missing for t in self.threads if name.startswith(t.files[0].name)):
                write_rollout(home / "archived_sessions", name, text, False)


def write_rollout(folder: Path, name: str, text: bytes, is_compressed: bool) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    if is_compressed:
        packer = zstandard.ZstdCompressor(level=3).compressobj()
        (folder / f"{name}.jsonl.zst").write_bytes(packer.compress(text) + packer.flush())
    else:
        (folder / f"{name}.jsonl").write_bytes(text)


def make(steps: list[Step]) -> Family:
    family = Family()
    for step in steps:
        family.take(step)
    return family


# How often each step is tried: turns and forks more than the rest.
STEPS = (
    *("start", "turn", "turn", "turn", "fork", "fork", "agent", "upgrade"),
    *("fail", "compact", "fill", "revert", "twins", "migrate", "copy", "lose", "wait"),
)


# --- small parts ----------------------------------------------------------------------------------


def _message(role: str, text: str) -> Item:
    kind = "input_text" if role == "user" else "output_text"
    content = [{"type": kind, "text": text}]
    return Item("response_item", {"type": "message", "role": role, "content": content})


def _settings(thread: Thread) -> Item:
    settings = {"model": thread.model, "model_provider_id": "openai"}
    return Item(
        "event_msg",
        {"type": "thread_settings_applied", "thread_id": thread.id, "thread_settings": settings},
    )


def _is_counter(item: Item) -> bool:
    return item.payload.get("type") == "token_count"


def _history(file: File, keep: int) -> list[Item]:
    """What a reader of the first lines of a file has behind it, inherited lines first."""
    before: list[Item] = []
    if file.base is not None:
        base, ordinal = file.base
        begins = base.base[1] if base.base else 0
        before = _history(base, ordinal - begins)
    return [*before, *(line.item for line in file.lines[:keep])]


def _tokens(dialect: Dialect, seed: int) -> Json:
    given = 1_000 + seed * 131 % 9_000
    cached = given * (seed % 10) // 10
    made = 20 + seed * 17 % 400
    tokens = {"input_tokens": given, "cached_input_tokens": cached}
    if dialect.has_cache_writes:
        tokens["cache_write_input_tokens"] = (given - cached) // 3
    return {
        **tokens,
        "output_tokens": made,
        "reasoning_output_tokens": made // 3,
        "total_tokens": given + made,
    }


def _zero(dialect: Dialect) -> Json:
    return dict.fromkeys(_tokens(dialect, 0), 0)


def _sum(total: Json | None, tokens: Json) -> Json:
    return {name: value + (total or {}).get(name, 0) for name, value in tokens.items()}


def _iso(ms: int) -> str:
    moment = datetime.fromtimestamp(ms // 1000, UTC).strftime("%Y-%m-%dT%H:%M:%S")
    return f"{moment}.{ms % 1000:03d}Z"


def _render(line: Line) -> bytes:
    envelope: Json = {"timestamp": _iso(line.at)}
    if line.ordinal is not None:
        envelope["ordinal"] = line.ordinal
    envelope |= {"type": line.item.kind, "payload": line.item.payload}
    return json.dumps(envelope, separators=(",", ":")).encode() + b"\n"
