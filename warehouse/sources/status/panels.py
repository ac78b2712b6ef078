"""`/status` panels and usage lines at exit, of every layout since 2025.

Belongs here: finding them among a capture's other text (which is content and left alone),
and their values as shown, with the rounding that the display did. Does not belong here:
control sequences (screen.py), and turning shown reset times into instants (sql/).

Every value is taken by a pattern of its own; what does not fit it is left out, so that no
other text slips in.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field

from warehouse.privacy import Privacy
from warehouse.sources.status.screen import Line
from warehouse.sources.texts import word

Values = dict[str, object]

_TITLE = re.compile(r"^\s{0,4}>_ OpenAI Codex \(v([\w.+-]{1,40})\)\s*$")
_SECTION = re.compile(
    r"^\s{0,4}(?:📂 Workspace|👤 Account|🧠 Model|💻 Client|📊 Token Usage|\S{1,3} Usage Limits)"
    r"\s*$"
)
_BULLET = re.compile(r"^\s{0,6}• ([A-Z0-9][\w .]{0,40}?): *(.*)$")
_FIELD = re.compile(r"^(\s{0,4})([A-Z0-9][\w .+/-]{0,60}?):(\s*)(.*)$")
_NOTE = re.compile(
    r"^\s*(?:Visit https://\S+|(?:for )?up-to-date|(?:information on )?rate limits and credits)",
    re.IGNORECASE,
)
_LABELS = {
    "Remote",
    "Model",
    "Model provider",
    "Directory",
    "Permissions",
    "Approval",
    "Sandbox",
    "Agents.md",
    "Account",
    "Thread name",
    "Collaboration mode",
    "Session",
    "Forked from",
    "Token usage",
    "Context window",
    "Credits",
    "Limits",
    "Warning",
}
_ONE_LINE = {"Directory", "Thread name"}  # cut, never wrapped
_BULLETS = {
    "Path": "Directory",
    "Approval Mode": "Approval",
    "Sandbox": "Sandbox",
    "AGENTS files": "Agents.md",
    "Login": "Login",
    "Plan": "Plan",
    "Name": "Model",
    "Provider": "Model provider",
    "Reasoning Effort": "Effort",
    "Reasoning Summaries": "Summaries",
    "CLI Version": "CLI Version",
    "Session ID": "Session",
    "Input": "Input",
    "Output": "Output",
    "Total": "Total",
}

_UUID = re.compile(r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}")
_NAME = re.compile(r"[\w][\w .:/+-]{0,59}\Z")
_MODEL = re.compile(
    r"(.{1,60}?)(?: \(reasoning ([\w-]{1,20})(?:, summaries ([\w-]{1,20}))?\))?\s*\Z"
)
_COMPACT = r"(\d{1,4}(?:\.\d{1,2})?)([KMBT]?)"
_TOKENS = re.compile(rf"{_COMPACT} total\s+\({_COMPACT} input \+ {_COMPACT} output\)")
_CONTEXT = re.compile(rf"(\d{{1,3}})% left \({_COMPACT} used / {_COMPACT}\)")
_PERCENT = re.compile(r"(\d{1,3}(?:\.\d+)?)% (left|used)")
_RESETS = re.compile(
    r"resets ((\d{1,2}):(\d\d)(?: on (\d{1,2}) ([A-Z][a-z]{2}))?)\b", re.IGNORECASE
)
_MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")
_AMOUNT = re.compile(r"[\d.,]{1,20} of [\d.,]{1,20} credits used")
_CREDITS = re.compile(r"([\d.,]{1,20}) credits")
_PLAN = re.compile(
    r"(?:\S+@\S+ )?\(?(Free|Go|Plus|Pro|Pro Lite|Business|Enterprise|Edu|Team|Unknown)\)?\Z"
)
_WINDOW = re.compile(
    r"(?:(.*) )?(5h|\d+h|Hourly|Daily|Weekly|Monthly|Annual|Usage|Secondary usage|Monthly credit)\Z"
)
_COUNT = r"(\d[\d.,'\u2019 \u00a0\u202f]{0,20}\d|\d)"
_EXIT = re.compile(
    rf"Token usage: total={_COUNT} input={_COUNT}(?: \(\+ {_COUNT} cached\))?"
    rf" output={_COUNT}(?: \(reasoning {_COUNT}\))?"
)
_EXIT_START = re.compile(r"Token usage: total=\d.*")
_EXIT_SESSION = re.compile(rf"codex resume ({_UUID.pattern})|Session ID: ({_UUID.pattern})")
_OLD_INPUT = re.compile(rf"{_COUNT}(?: \(\+ {_COUNT} cached\))?\s*\Z")

_SCALES = {"": 1, "K": 10**3, "M": 10**6, "B": 10**9, "T": 10**12}
_LIMIT_STATES = (
    ("not available for this account", "not_available"),
    ("data not available yet", "none_yet"),
    ("refresh requested", "requested"),
)


@dataclass
class Snapshot:
    """A panel or exit line: where it begins, its values, and its limits in order."""

    line: Line
    kind: str
    values: Values = field(default_factory=dict)
    limits: list[Values] = field(default_factory=list)


@dataclass
class _Panel:
    """A panel that is being read: fields as shown, in order."""

    line: Line
    has_title: bool
    cli_version: str | None = None
    fields: list[tuple[str, str]] = field(default_factory=list)
    columns: list[int] = field(default_factory=list)
    continues: bool = False  # whether the next row may belong to the last field

    @property
    def is_one(self) -> bool:
        """Two fields make a panel; without a title (it scrolled off), aligned ones do."""
        if len(self.fields) < 2:
            return False
        return self.has_title or (len(set(self.columns)) == 1 and self.columns[0] > 0)


@dataclass
class _Exit:
    """An exit line that is being read: a terminal that is too narrow has wrapped it."""

    line: Line
    texts: list[str]  # what it may be so far: a space where it was wrapped is lost
    snapshot: Snapshot | None = None
    last: str = ""  # the row before
    rows: int = 3  # that may follow


class PanelReader:
    """Reads a capture line by line; `snapshots` has what was met, in order."""

    def __init__(self, privacy: Privacy) -> None:
        self._privacy = privacy
        self._panel: _Panel | None = None
        self._exit: _Exit | None = None
        self.snapshots: list[Snapshot] = []

    def read(self, line: Line) -> str | None:
        """Take a line; gives `panel` or `exit` if it belongs to one."""
        kinds = {kind for row in line.rows if (kind := self._row(row, line))}
        return min(kinds, default=None)

    def end(self) -> None:
        """The capture is over."""
        self._close()
        for kept in self.snapshots:
            kept.values["is_last_of_capture"] = kept is self.snapshots[-1]

    def _row(self, row: str, line: Line) -> str | None:
        if (start := _EXIT_START.search(row)) is not None:
            self._close()
            self._exit = _Exit(line, [start.group()], last=row)
            return "exit" if self._usage_at_exit(self._exit, start.group(), 0) else None
        if self._exit is not None and self._after_exit(self._exit, row):
            return "exit"
        if (title := _TITLE.match(row)) is not None:
            self._close()
            self._panel = _Panel(line, True, title.group(1))
            return "panel"
        if _SECTION.match(row):
            if self._panel is None:
                self._panel = _Panel(line, True)
            return "panel"
        return "panel" if self._field(row, line) else None

    def _after_exit(self, said: _Exit, row: str) -> bool:
        """Whether a row is the rest of an exit line, or the line after it, with the session."""
        wrapped = [f"{text}{space}{row}" for text in said.texts for space in ("", " ")]
        before = min(map(len, said.texts))
        if any(self._usage_at_exit(said, text, before) for text in wrapped):
            said.rows = 3
            return True
        if said.snapshot is None:
            said.texts = wrapped
        else:
            for text in (row, said.last + row, f"{said.last} {row}"):
                if (found := _EXIT_SESSION.search(text)) is not None:
                    said.snapshot.values["thread_id"] = found.group(1) or found.group(2)
                    self._exit = None
                    return True
        said.last = row
        said.rows -= 1
        if not said.rows:
            self._exit = None
        return False

    def _usage_at_exit(self, said: _Exit, text: str, before: int) -> bool:
        """Take the usage that a text shows, if more than its first `before` characters do."""
        found = _EXIT.search(text)
        if found is None:
            return False
        values = _exit_values(found)
        if said.snapshot is None:
            said.snapshot = Snapshot(said.line, "exit", values)
            self.snapshots.append(said.snapshot)
        else:
            known = said.snapshot.values
            is_longer = found.end() > before and _adds_up(values)
            numbers = {name: value for name, value in known.items() if name != "usage_shown"}
            if not is_longer or (_adds_up(known) and not numbers.items() <= values.items()):
                return False
            said.snapshot.values = values
        said.texts = [text]
        return True

    def _field(self, row: str, line: Line) -> bool:
        """Whether a row belongs to a panel: a field, a continuation, a note, a gap."""
        panel = self._panel
        if (bullet := _BULLET.match(row)) is not None and panel is not None:
            label = _BULLETS.get(bullet.group(1))
            label = label or (bullet.group(1) if bullet.group(1).endswith(" limit") else None)
            if label is not None:
                panel.fields.append((label, bullet.group(2).strip()))
                panel.columns.append(0)
                return True
        found = _FIELD.match(row)
        if found is not None and _is_label(found.group(2)):
            indent, label, gap, value = found.groups()
            if panel is None:
                if not gap or not value:  # only a field with its value can begin one
                    return False
                panel = self._panel = _Panel(line, False)
            panel.fields.append((label, value.strip()))
            if value:
                panel.columns.append(len(indent) + len(label) + 1 + len(gap))
            panel.continues = bool(panel.columns) and label not in _ONE_LINE
            return True
        if panel is None:
            return False
        if not row.strip():
            panel.continues = False
            return True
        is_bulleted = bool(panel.columns) and panel.columns[-1] == 0
        if is_bulleted and row.lstrip().startswith("•"):
            return True  # a bullet of the old layout that tells no field
        if panel.continues and not is_bulleted and _indent(row) >= panel.columns[-1]:
            label, value = panel.fields[-1]
            panel.fields[-1] = (label, f"{value} {row.strip()}".strip())
            return True
        if not panel.fields and (_NOTE.match(row) or _indent(row) >= 2):
            return bool(_NOTE.match(row))
        if _NOTE.match(row):
            return True
        self._close()
        return False

    def _close(self) -> None:
        panel, self._panel = self._panel, None
        if panel is not None and panel.is_one:
            self.snapshots.append(self._snapshot(panel))

    # --- values ---------------------------------------------------------------------------------

    def _snapshot(self, panel: _Panel) -> Snapshot:
        snapshot = Snapshot(panel.line, "panel", {"cli_version": panel.cli_version})
        permissions: list[str] = []
        group: str | None = None
        for label, value in panel.fields:
            if label.endswith("limit"):
                limit, group = _limit(label, value, group)
                if limit is not None:
                    snapshot.limits.append(limit)
            elif label in ("Permissions", "Approval", "Sandbox"):
                permissions += _name(re.sub(r"\[[^\]]*\]?", "", value))
            else:
                snapshot.values.update(self._values(label, value))
        if permissions:
            snapshot.values["permissions_shown"] = ", ".join(permissions)
        state = snapshot.values.get("limits_state")
        if snapshot.limits and state is None:
            snapshot.values["limits_state"] = "shown"
        return snapshot

    def _values(self, label: str, value: str) -> Values:
        match label:
            case "Model":
                return _model(value)
            case "Model provider":
                return {"provider_shown": next(iter(_name(value.split(" - ")[0])), None)}
            case "Effort":
                return {"effort": word(value.lower() or None)}
            case "Summaries":
                return {"reasoning_summary": word(value.lower() or None)}
            case "Directory":
                return {"cwd": self._privacy.place(value or None)}
            case "Agents.md":
                files = (
                    [] if value.lower() in ("<none>", "(none)", "none", "") else value.split(",")
                )
                return {"instruction_files": len(files)}
            case "Account" | "Login" | "Plan":
                return _account(label, value)
            case "Thread name":
                return {"name_chars": len(value)}
            case "Collaboration mode":
                return {"collaboration_mode": word(value.lower() or None)}
            case "CLI Version":
                return {"cli_version": word(value or None)}
            case "Session":
                return {"thread_id": _uuid(value)}
            case "Forked from":
                return {"forked_from_id": _uuid(value)}
            case "Credits":
                return _credits(value)
            case "Warning":
                return {"limits_state": "stale"} if "limits may be stale" in value else {}
            case "Limits":
                states = (state for text, state in _LIMIT_STATES if value.startswith(text))
                return {"limits_state": next(states, None)}
        return _usage(label, value)


def _is_label(label: str) -> bool:
    return label in _LABELS or label.endswith(" limit")


def _indent(row: str) -> int:
    return len(row) - len(row.lstrip())


def _name(value: str) -> Iterator[str]:
    """The value if it is a plain name or phrase, else nothing."""
    plain = " ".join(re.sub(r"[(),]", " ", value).split())
    if _NAME.match(plain):
        yield plain


def _uuid(value: str) -> str | None:
    found = _UUID.search(value)
    return found.group() if found else None


def _model(value: str) -> Values:
    found = _MODEL.match(value)
    if found is None or not _NAME.match(found.group(1)):
        return {}
    values: Values = {"model_shown": found.group(1)}
    if found.group(2):
        values["effort"] = found.group(2)
    if found.group(3):
        values["reasoning_summary"] = found.group(3)
    return values


def _account(label: str, value: str) -> Values:
    """Kind and plan of an account; its address is left out."""
    plan = _PLAN.search(value)
    values: Values = {"plan_type": plan.group(1).lower().replace(" ", "_")} if plan else {}
    if label != "Plan":
        is_key = "API key" in value
        values["account_kind"] = "api_key" if is_key else "chatgpt" if value else "none"
    return values


def _credits(value: str) -> Values:
    if value == "Unlimited":
        return {"has_unlimited_credits": True}
    found = _CREDITS.match(value)
    return {"has_unlimited_credits": False, "credit_balance": found.group(1) if found else None}


def _compact(number: str, suffix: str, name: str) -> Values:
    """A number such as 12.8K, and how far it may be off.

    Codex shows two decimals below 10, one below 100, none above, and drops final zeros.
    """
    scale = _SCALES[suffix]
    shown = float(number)
    off = 0.0 if not suffix else 0.005 if shown < 10 else 0.05 if shown < 100 else 0.5
    return {
        f"shown_{name}_tokens": round(shown * scale),
        f"shown_{name}_error": round(off * scale),
    }


def _exact(text: str | None, name: str) -> Values:
    if text is None:
        return {}
    return {f"shown_{name}_tokens": int(re.sub(r"\D", "", text)), f"shown_{name}_error": 0}


def _usage(label: str, value: str) -> Values:
    if label == "Token usage" and (found := _TOKENS.match(value)):
        return {
            "usage_shown": found.group(),
            **_compact(found.group(1), found.group(2), "total"),
            **_compact(found.group(3), found.group(4), "input"),
            **_compact(found.group(5), found.group(6), "output"),
        }
    if label == "Context window" and (found := _CONTEXT.match(value)):
        return {
            "context_shown": found.group(),
            "context_left_percent": float(found.group(1)),
            **_compact(found.group(2), found.group(3), "context_used"),
            **_compact(found.group(4), found.group(5), "context_window"),
        }
    if label in ("Input", "Output", "Total") and (found := _OLD_INPUT.match(value)):
        return {**_exact(found.group(1), label.lower()), **_exact(found.group(2), "cached")}
    return {}


def _adds_up(values: Values) -> bool:
    """Whether the total is that of input and output, so that no number is cut off."""
    total, *parts = (values[f"shown_{name}_tokens"] for name in ("total", "input", "output"))
    return total == sum(part for part in parts if isinstance(part, int))


def _exit_values(found: re.Match[str]) -> Values:
    names = ("total", "input", "cached", "output", "reasoning")
    values: Values = {"usage_shown": found.group()}
    for name, text in zip(names, found.groups(), strict=True):
        values.update(_exact(text, name))
    return values


def _limit(label: str, value: str, group: str | None) -> tuple[Values | None, str | None]:
    """(a limit's values, the family that the limits after it belong to)."""
    name = label.removesuffix("limit").strip()
    percent = _PERCENT.search(value)
    amount = _AMOUNT.search(value)
    if percent is None and amount is None:
        # a heading of a family, or a value that was cut off
        return None, group if value else next(iter(_name(name)), None)
    window = _WINDOW.match(name)
    own_group = next(iter(_name(window.group(1) or "")), None) if window else None
    shown = float(percent.group(1)) if percent else None
    is_left = percent.group(2) == "left" if percent else None
    return {
        "limit_group": own_group or group,
        "limit_label": window.group(2) if window else next(iter(_name(name)), None),
        "left_percent": shown if is_left or shown is None else 100 - shown,
        "is_left_shown": is_left,
        "amount_shown": amount.group() if amount else None,
        **_reset(value),
    }, group


def _reset(value: str) -> Values:
    """When a limit resets, as shown; a month that is none is no reset."""
    found = _RESETS.search(value)
    if found is None:
        return {}
    shown, hour, minute, day, month = found.groups()
    if month is not None and month not in _MONTHS:
        return {}
    return {
        "resets_shown": shown,
        "resets_minute": int(hour) * 60 + int(minute),
        "resets_day": int(day) if day else None,
        "resets_month": _MONTHS.index(month) + 1 if month else None,
    }
