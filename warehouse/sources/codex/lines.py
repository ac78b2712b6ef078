"""Rollout lines to rows: routed by their first bytes, decoded only where a row needs it.

Belongs here: the router, and one function for each kind of line that gives its row.
Does not belong here: looking at other lines, or deciding what counts (sql/ does both).

Every line gets a row of raw_lines. A known kind is decoded into its typed shape; any other
line is only checked to be JSON. What the router's pattern does not fit (another order of
keys, spaces) is decoded as an envelope first; what that cannot read becomes a reject.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import date
from typing import Any

import msgspec
import xxhash

from warehouse.privacy import Privacy
from warehouse.sources.base import ISO_UTC, Rows, epoch_us, iso_us, us_iso
from warehouse.sources.codex import shapes as s

TABLES = (
    "raw_lines",
    "parsed_rejects",
    "parsed_session_meta",
    "parsed_turn_context",
    "parsed_settings",
    "parsed_usage",
    "parsed_rate_limits",
    "parsed_lifecycle",
    "parsed_compactions",
)

# Groups: time, ordinal, type, start of the payload, inner type, the item's id.
_ROUTE = re.compile(
    rb'\{"timestamp":"(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d{1,9})?Z)",'
    rb'(?:"ordinal":(\d{1,18}),)?"type":"(\w+)","payload":'
    rb'(\{)(?:"type":"(\w+)"(?:,"status":"\w+")?(,"id":"[^"\\]{1,120}")?)?'
)
_METADATA = b',"metadata":{'  # follows the payload of a response_item, within its last bytes
_METADATA_BYTES = 1000

# Lines that hold numbers, ids and flags only: kept whole, so that a later parser can read
# them anew after the source is gone.
_CONTENT_FREE = frozenset(
    {
        b"token_count",
        b"token_usage_record",
        b"task_started",
        b"turn_started",
        b"turn_aborted",
        b"context_compacted",
        b"thread_rolled_back",
    }
)

_EVENT_NAMES = {b"turn_started": "task_started", b"turn_complete": "task_complete"}
_NO_TOKENS = s.Tokens()
_NO_INFO = s.Info()
_NO_CREDITS = s.Credits()
_NO_INDIVIDUAL_LIMIT = s.IndividualLimit()

Place = tuple[int, int, bytes | None, int | None]


class _Reject(Exception):
    """A line that cannot be read; the message holds no content."""

    def __init__(self, rule: str, error: str) -> None:
        super().__init__(error)
        self.rule = rule
        self.error = error


class CodexParser:
    """Parser of one worker. Row tuples follow the contracts' column order."""

    def __init__(self, privacy: Privacy) -> None:
        self._privacy = privacy
        self._seed = privacy.seed
        self._validate = msgspec.json.Decoder(msgspec.Raw).decode
        self._envelope = msgspec.json.Decoder(s.Envelope).decode
        self._head = msgspec.json.Decoder(s.Head).decode
        self._source_object = msgspec.json.Decoder(s.SourceObject).decode
        self._subagent_object = msgspec.json.Decoder(s.SubagentObject).decode
        self._rows: Rows = {}
        known: dict[bytes, tuple[type, Callable[..., None]]] = {
            b"token_count": (s.TokenCount, self._token_count),
            b"token_usage_record": (s.UsageRecord, self._usage_record),
            b"session_meta": (s.SessionMeta, self._session_meta),
            b"turn_context": (s.TurnContext, self._turn_context),
            b"thread_settings_applied": (s.SettingsApplied, self._settings),
            b"compacted": (s.Compacted, self._compacted),
            b"task_started": (s.Lifecycle, self._lifecycle),
            b"turn_started": (s.Lifecycle, self._lifecycle),
            b"task_complete": (s.Lifecycle, self._lifecycle),
            b"turn_complete": (s.Lifecycle, self._lifecycle),
            b"turn_aborted": (s.Lifecycle, self._lifecycle),
            b"context_compacted": (s.Head, _no_row),
            b"thread_rolled_back": (s.Head, _no_row),
        }
        self._known = {
            kind: (add, msgspec.json.Decoder(s.Line[shape]).decode, kind in _CONTENT_FREE)  # type: ignore[valid-type]
            for kind, (shape, add) in known.items()
        }
        self._shapes = {kind: shape for kind, (shape, _) in known.items()}

    def parse(self, lines: list[bytes], line_number: int, offset: int, rows: Rows) -> None:
        """See `sources.base.Parser`."""
        self._rows = rows
        raw = rows["raw_lines"].append
        route = _ROUTE.match
        known = self._known.get
        validate = self._validate
        fast_hash = xxhash.xxh3_64_intdigest
        seed = self._seed
        for line in lines:
            length = len(line)
            routed = route(line)
            if routed is None:
                self._unusual(line, line_number, offset)
                line_number += 1
                offset += length + 1
                continue
            at, ordinal, kind, _, inner, item_id = routed.groups()
            if ordinal is not None:
                ordinal = int(ordinal)
            name = inner if kind == b"event_msg" else kind
            reader = known(name)
            body = None
            try:
                if reader is None:
                    validate(line)
                else:
                    add, decode, is_content_free = reader
                    add(decode(line).payload, name, (line_number, offset, at, ordinal))
                    if is_content_free:
                        body = line
            except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
                self._unusual(line, line_number, offset)
                line_number += 1
                offset += length + 1
                continue
            # the payload's hash, which a copied line shares: no time, item id or metadata
            start = routed.start(4)
            if kind == b"response_item":
                end = line.rfind(_METADATA, max(start, length - _METADATA_BYTES))
                if end < 0:
                    end = length - 1
                if item_id is None:
                    hashed = fast_hash(line[start:end], seed)
                else:
                    first, after = routed.span(6)
                    hashed = fast_hash(line[start:first] + line[after:end], seed)
            else:
                hashed = fast_hash(line[start:-1], seed)
            raw((line_number, offset, length, at, ordinal, kind, inner, hashed, body))
            line_number += 1
            offset += length + 1

    def parse_file(self, path: str, rows: Rows) -> int:
        """No rollout is read as a whole."""
        raise NotImplementedError(path)

    # --- whatever the router could not take ---------------------------------------------------

    def _unusual(self, line: bytes, line_number: int, offset: int) -> None:
        """A line in an unusual form: read as an envelope, else rejected, never lost."""
        at: bytes | None = None
        ordinal: int | None = None
        kind: bytes | None = None
        inner: bytes | None = None
        hashed: int | None = None
        try:
            if line.strip():
                envelope = self._read_envelope(line)
                at = _line_time(envelope.timestamp)
                ordinal = envelope.ordinal
                kind = _name(envelope.type)
                payload = bytes(envelope.payload)
                if payload != b"null":
                    hashed = xxhash.xxh3_64_intdigest(payload, self._seed)
                    inner = self._inner_type(payload)
                    name = inner if kind == b"event_msg" else kind
                    if name in self._known:
                        self._read_known(name, payload, (line_number, offset, at, ordinal))
        except _Reject as reject:
            self._rows["parsed_rejects"].append(
                (line_number, offset, len(line), reject.rule, reject.error)
            )
        self._rows["raw_lines"].append(
            (line_number, offset, len(line), at, ordinal, kind, inner, hashed, None)
        )

    def _read_envelope(self, line: bytes) -> s.Envelope:
        try:
            return self._envelope(line)
        except msgspec.ValidationError as error:
            raise _Reject("not_an_envelope", _where(error)) from None
        except (msgspec.DecodeError, UnicodeDecodeError):
            raise _Reject("not_json", "the line is not JSON (torn or damaged)") from None
        except RecursionError:
            raise _Reject("not_json", "the line is nested too deeply") from None

    def _inner_type(self, payload: bytes) -> bytes | None:
        try:
            return _name(self._head(payload).type)
        except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
            return None

    def _read_known(self, name: bytes | None, payload: bytes, place: Place) -> None:
        """Decode leniently ("5" for 5, 5.0 for 5); reject what still does not fit."""
        name = name or b""
        try:
            value = msgspec.json.decode(payload, type=self._shapes[name], strict=False)
        except msgspec.ValidationError as error:
            raise _Reject("bad_field", _where(error)) from None
        except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
            raise _Reject("not_json", "the payload is not JSON") from None
        self._known[name][0](value, name, place)

    # --- one function a kind --------------------------------------------------------------------

    def _token_count(self, p: s.TokenCount, _: bytes, place: Place) -> None:
        number, offset, at, ordinal = place
        info = p.info
        if info is None:
            info = _NO_INFO
        last = info.last_token_usage or _NO_TOKENS
        total = info.total_token_usage or _NO_TOKENS
        self._rows["parsed_usage"].append(
            (
                number,
                offset,
                at,
                ordinal,
                "token_count",
                None,
                None,
                None,
                None,
                None,
                info is not _NO_INFO,
                last.input_tokens,
                last.cached_input_tokens,
                last.cache_write_input_tokens,
                last.output_tokens,
                last.reasoning_output_tokens,
                last.total_tokens,
                total.input_tokens,
                total.cached_input_tokens,
                total.cache_write_input_tokens,
                total.output_tokens,
                total.reasoning_output_tokens,
                total.total_tokens,
                None,
                None,
                None,
                None,
                None,
                None,
                info.model_context_window,
                info.last_usage_includes_reasoning,
            )
        )
        limits = p.rate_limits
        if limits is not None:
            self._rate_limits(limits, number, offset, at, ordinal)

    def _usage_record(self, p: s.UsageRecord, _: bytes, place: Place) -> None:
        number, offset, at, ordinal = place
        usage = p.usage or _NO_TOKENS
        thread = p.thread_token_usage or _NO_TOKENS
        turn = p.turn_token_usage or _NO_TOKENS
        self._rows["parsed_usage"].append(
            (
                number,
                offset,
                at,
                ordinal,
                "token_usage_record",
                p.thread_id,
                p.turn_id,
                p.session_id,
                p.root_turn_id,
                p.response_id,
                p.usage is not None,
                usage.input_tokens,
                usage.cached_input_tokens,
                usage.cache_write_input_tokens,
                usage.output_tokens,
                usage.reasoning_output_tokens,
                usage.total_tokens,
                thread.input_tokens,
                thread.cached_input_tokens,
                thread.cache_write_input_tokens,
                thread.output_tokens,
                thread.reasoning_output_tokens,
                thread.total_tokens,
                turn.input_tokens,
                turn.cached_input_tokens,
                turn.cache_write_input_tokens,
                turn.output_tokens,
                turn.reasoning_output_tokens,
                turn.total_tokens,
                None,
                None,
            )
        )

    def _rate_limits(
        self, r: s.RateLimits, number: int, offset: int, at: bytes | None, ordinal: int | None
    ) -> None:
        primary = r.primary or s.Window(r.primary_used_percent, r.primary_window_minutes)
        secondary = r.secondary
        if secondary is None:
            percent, minutes = r.secondary_used_percent, r.secondary_window_minutes
            secondary = s.Window(
                r.weekly_used_percent if percent is None else percent,
                r.weekly_window_minutes if minutes is None else minutes,
            )
        credits = r.credits or _NO_CREDITS
        individual = r.individual_limit or _NO_INDIVIDUAL_LIMIT
        self._rows["parsed_rate_limits"].append(
            (
                number,
                offset,
                at,
                ordinal,
                r.limit_id,
                r.limit_name,
                primary.used_percent,
                primary.window_minutes,
                _reset(primary, at),
                secondary.used_percent,
                secondary.window_minutes,
                _reset(secondary, at),
                credits.has_credits,
                credits.unlimited,
                credits.balance,
                r.plan_type,
                r.rate_limit_reached_type,
                r.spend_control_reached,
                individual.limit,
                individual.used,
                individual.remaining_percent,
                epoch_us(individual.resets_at),
            )
        )

    def _session_meta(self, p: s.SessionMeta, _: bytes, place: Place) -> None:
        privacy = self._privacy
        kind, label, subagent_kind, spawn = self._source(p.source)
        base = p.history_base or s.HistoryBase()
        git = p.git or s.Git()
        url, repo_id = privacy.repository(git.repository_url)
        base_instructions = p.base_instructions
        if isinstance(base_instructions, s.Text):
            base_instructions = base_instructions.text
        self._rows["parsed_session_meta"].append(
            (
                *place,
                p.id,
                p.session_id,
                iso_us(p.timestamp),
                privacy.place(p.cwd),
                p.originator,
                p.cli_version,
                kind,
                label,
                subagent_kind,
                spawn.depth,
                p.agent_path or spawn.agent_path,
                p.agent_nickname or spawn.agent_nickname,
                p.agent_role or p.agent_type or spawn.agent_role or spawn.agent_type,
                p.thread_source,
                p.model_provider,
                p.history_mode,
                p.memory_mode,
                p.multi_agent_version,
                p.forked_from_id,
                p.forked_from_ordinal_exclusive,
                p.parent_thread_id or spawn.parent_thread_id,
                base.thread_id,
                base.end_ordinal_exclusive,
                base.end_byte_offset,
                p.subagent_history_start_ordinal,
                p.context_window.window_id if p.context_window else None,
                git.commit_hash,
                privacy.place(git.branch),
                url,
                repo_id,
                p.account_scoped,
                p.creator_user_id,
                p.creator_account_id,
                *_presence(base_instructions),
                *_presence(p.instructions),
                None if p.dynamic_tools is None else len(p.dynamic_tools),
                None,
                None,
                None,
                False,
            )
        )

    def _source(self, raw: msgspec.Raw) -> tuple[str | None, str | None, str | None, s.Spawn]:
        """(kind, label, sub-agent kind, spawn) of the string and object forms of `source`."""
        text = bytes(raw)
        if text.startswith(b'"'):
            return msgspec.json.decode(text, type=str), None, None, s.Spawn()
        if not text.startswith(b"{"):
            return None, None, None, s.Spawn()
        source = self._source_object(text)
        inner = bytes(source.subagent)
        if inner == b"null":
            if source.custom is not None:
                return "custom", source.custom, None, s.Spawn()
            if source.internal is not None:
                return "internal", source.internal, None, s.Spawn()
            return "unknown", None, None, s.Spawn()
        if inner.startswith(b'"'):
            label = msgspec.json.decode(inner, type=str)
            return "subagent", None, _snake(label), s.Spawn()
        subagent = self._subagent_object(inner)
        if subagent.thread_spawn is not None:
            return "subagent", None, "thread_spawn", subagent.thread_spawn
        return "subagent", None, subagent.other or "unknown", s.Spawn()

    def _turn_context(self, p: s.TurnContext, _: bytes, place: Place) -> None:
        sandbox = p.sandbox_policy
        if not isinstance(sandbox, s.SandboxPolicy):
            sandbox = s.SandboxPolicy(type=sandbox)
        network = sandbox.network_access
        if isinstance(network, str):
            network = network == "enabled"
        truncation = p.truncation_policy or s.Truncation()
        self._rows["parsed_turn_context"].append(
            (
                *place,
                p.turn_id,
                p.root_turn_id,
                self._privacy.place(p.cwd),
                _date(p.current_date),
                p.timezone,
                p.model,
                p.effort,
                p.summary,
                _tag(p.approval_policy),
                p.approvals_reviewer,
                sandbox.type or sandbox.mode,
                network,
                None if sandbox.writable_roots is None else len(sandbox.writable_roots),
                sandbox.exclude_tmpdir_env_var,
                sandbox.exclude_slash_tmp,
                p.permission_profile.type if p.permission_profile else None,
                truncation.mode,
                truncation.limit,
                p.personality,
                _mode(p.collaboration_mode),
                p.multi_agent_version,
                _tag(p.multi_agent_mode),
                p.realtime_active,
                p.comp_hash,
                p.trace_id,
                *_presence(p.base_instructions),
                *_presence(p.user_instructions),
                *_presence(p.developer_instructions),
                bytes(p.final_output_json_schema) != b"null",
                None,
                None,
                None,
                None,
                None,
                None,
            )
        )

    def _settings(self, p: s.SettingsApplied, _: bytes, place: Place) -> None:
        settings = p.thread_settings
        self._rows["parsed_settings"].append(
            (
                *place,
                p.thread_id,
                settings.model,
                settings.model_provider_id,
                settings.service_tier,
                settings.reasoning_effort,
                settings.reasoning_summary,
                _tag(settings.approval_policy),
                settings.approvals_reviewer,
                settings.permission_profile.type if settings.permission_profile else None,
                self._privacy.place(settings.cwd),
                settings.personality,
                _mode(settings.collaboration_mode),
            )
        )

    def _lifecycle(self, p: s.Lifecycle, name: bytes, place: Place) -> None:
        attribution = p.turn_attribution or s.TurnAttribution()
        error_kind, status = _error(p.error)
        is_end = name in (b"task_complete", b"turn_complete")
        message = p.last_agent_message
        self._rows["parsed_lifecycle"].append(
            (
                *place,
                _EVENT_NAMES.get(name) or name.decode(),
                p.turn_id,
                p.root_turn_id,
                attribution.parent_turn_id,
                attribution.turn_trigger,
                attribution.initiating_agent_path,
                p.trace_id,
                epoch_us(p.started_at),
                epoch_us(p.completed_at),
                p.duration_ms,
                p.time_to_first_token_ms,
                p.model_context_window,
                p.collaboration_mode_kind,
                p.reason,
                error_kind,
                status,
                message is not None if is_end else None,
                None if message is None else len(message),
            )
        )

    def _compacted(self, p: s.Compacted, _: bytes, place: Place) -> None:
        number, window = p.window_number, p.window_id
        if isinstance(window, int):  # 2026-06-10 to 06-18 wrote the number into window_id
            number, window = window, None
        history = p.replacement_history
        self._rows["parsed_compactions"].append(
            (
                *place,
                number,
                window,
                p.first_window_id,
                p.previous_window_id,
                None if p.message is None else len(p.message),
                None if history is None else len(history),
                None,
            )
        )


# --- small conversions ------------------------------------------------------------------------


def _no_row(*_: object) -> None:
    """For kinds that need a row of raw_lines only."""


def _reset(window: s.Window, at: bytes | None) -> int | None:
    """When a window resets, from any shape that it ever had."""
    resets = window.resets_at
    if type(resets) is int:
        return epoch_us(resets)
    if isinstance(resets, str):
        return iso_us(resets)
    if window.resets_in_seconds is None or at is None:
        return None
    start = iso_us(at.decode())
    return None if start is None else start + int(window.resets_in_seconds * 1_000_000)


def _presence(text: str | None) -> tuple[bool, int | None]:
    return text is not None, None if text is None else len(text)


def _name(text: str | None) -> bytes | None:
    """A type name as the router gives it: short and plain, so that no content slips in."""
    if text is None:
        return None
    return text.encode() if re.fullmatch(r"\w{1,64}", text, re.ASCII) else b"unusual"


def _line_time(value: str | float | None) -> bytes | None:
    if isinstance(value, str):
        text = value.encode("utf-8", "replace")
        if ISO_UTC.match(text):
            return text
        us = iso_us(value)
    else:  # some writers used numbers: seconds, or milliseconds from 1e11 on
        us = epoch_us(value / 1000 if value is not None and abs(value) >= 1e11 else value)
    return None if us is None else us_iso(us)


def _date(text: str | None) -> date | None:
    try:
        return date.fromisoformat(text) if text else None
    except ValueError:
        return None


def _tag(raw: msgspec.Raw) -> str | None:
    """A setting that is a string or an object with one key: the string or the key."""
    value: Any = msgspec.json.decode(bytes(raw))
    if isinstance(value, str):
        return value
    return next(iter(value), None) if isinstance(value, dict) else None


def _mode(mode: s.CollaborationMode | str | None) -> str | None:
    return mode.mode if isinstance(mode, s.CollaborationMode) else mode


def _error(error: s.TurnError | None) -> tuple[str | None, int | None]:
    """(kind, HTTP status) of a turn's error; its message is content and stays out."""
    if error is None:
        return None, None
    value: Any = msgspec.json.decode(bytes(error.codex_error_info))
    if isinstance(value, str):
        return value, None
    if isinstance(value, dict) and value:
        kind, detail = next(iter(value.items()))
        status = detail.get("http_status_code") if isinstance(detail, dict) else None
        return kind, status if isinstance(status, int) else None
    return "unknown", None


def _snake(name: str) -> str:
    """One day of 2025-10 wrote `Review` for `review`."""
    return re.sub(r"(?<=[a-z])(?=[A-Z])", "_", name).lower()


def _where(error: msgspec.ValidationError) -> str:
    """The place and expected type that msgspec names; its message quotes no values."""
    return str(error)[:200]
