"""Rollouts as CLI 0.169.0 writes them, in both history modes.

Belongs here: which lines make a turn, a response, a compaction, a fork or a sub-agent, and what is
in them. Does not belong here: the longer templates (`modern_lines.py`), older versions (`old.py`),
random texts and ids (`filler.py`).

The two history modes differ in the ordinals and in the lines that only the UI needs:
`item_completed` (paginated) or plain events (legacy).
"""

from __future__ import annotations

import json
import random
import re
from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path

from bench import modern_lines as shape
from bench.filler import COMMANDS, Filler, hex24, hex32, output_size, stamp, uuid7
from bench.threads import ZERO, Cut, Project, Thread, Usage, add

_SMALL_STEP = 6_000
_TRUNCATE_AT = 40_000
_TAIL = re.compile(
    rb'(,"user_input_order":\d+)?(,"fallback_token_limit_override":\d+)?'
    rb'(,"mcp_attribution":\{"status":"none"\})?\}\}$'
)
_NICKNAMES = (b"Meitner", b"Zeno", b"Laplace", b"Ramanujan", b"Noether", b"Hypatia", b"Turing")


@dataclass(frozen=True)
class Fork:
    """A thread that goes on from a cut of another."""

    source: ModernThread
    cut: Cut


@dataclass(frozen=True)
class Agent:
    """A sub-agent as its parent started it."""

    id: bytes
    ms: int
    parent: ModernThread
    root_turn: bytes
    nickname: bytes
    path: bytes  # empty for multi-agent v1
    inherits: bool
    cut: Cut


class ModernThread(Thread):
    """A thread of CLI 0.169.0."""

    version = "0.169.0"
    writes_cache = True

    def __init__(
        self,
        home: Path,
        project: Project,
        model: str,
        ms: int,
        rng: random.Random,
        filler: Filler,
        *,
        paginated: bool,
        short: bool = False,
        fork: Fork | None = None,
        agent: Agent | None = None,
        delegates: bool = False,
    ) -> None:
        super().__init__(home, project, model, ms, rng, filler)
        self.paginated = paginated
        self.fork = fork
        self.agent = agent
        self.agents: list[Agent] = []
        self._delegates = delegates
        self._short = short
        self._effort = b"medium" if agent else rng.choice((b"", b"", b"medium", b"high"))
        self._tier = b'"service_tier":"priority",' if rng.random() < 0.05 else b""
        self._instructions_of = model
        self._multi_agent = b"v2" if paginated else b"v1"
        self._resets = ms // 1000 + 9_000
        self._preamble_due = fork is None
        self._settings_due = fork is None and agent is None
        self._announce_model = False
        self._emitted_totals = ZERO
        self._turn_spent = ZERO
        self._turn = b""
        self._root_turn = b""
        self._sampled = 0
        if agent is not None:
            self.id = agent.id
            self._root_turn = agent.root_turn
            self._multi_agent = agent.parent._multi_agent
            self._preamble_due = not agent.inherits
            self._settings_due = not agent.inherits
        self._session: bytes = agent.parent._session if agent else self.id

    def cut(self) -> Cut:
        cut = super().cut()
        # What a copy of the lines so far shows.
        return replace(cut, totals=self._emitted_totals)

    @classmethod
    def reopen(cls, home: Path, path: Path, rng: random.Random, filler: Filler) -> ModernThread:
        """A thread whose file is there already, ready to go on: `codex resume`."""
        with open(path, "rb") as handle:
            lines = [json.loads(line) for line in handle]
        meta = lines[0]["payload"]
        began = datetime.fromisoformat(meta["timestamp"])
        git = meta["git"]
        project = Project(
            meta["cwd"].encode(),
            git["branch"].encode(),
            git["commit_hash"].encode(),
            git["repository_url"].encode(),
        )
        thread = cls(
            home, project, "", 0, rng, filler, paginated=meta["history_mode"] == "paginated"
        )
        thread.id = meta["id"].encode()
        thread._session = meta["session_id"].encode()
        thread.started_ms = round(began.timestamp() * 1000)
        ended = datetime.fromisoformat(lines[-1]["timestamp"])
        thread.ms = round(ended.timestamp() * 1000) + 60_000
        thread._preamble_due = thread._settings_due = False
        for line in lines:
            payload = line["payload"]
            thread.ordinal = line.get("ordinal", -1) + 1
            if line["type"] == "turn_context":
                thread.model = payload["model"]
            elif line["type"] == "token_usage_record":
                thread.spent = _usage(payload["thread_token_usage"])
            elif payload.get("type") == "token_count" and payload["info"]:
                thread.totals = thread._emitted_totals = _usage(
                    payload["info"]["total_token_usage"]
                )
                thread.last = _usage(payload["info"]["last_token_usage"])
                thread.context = thread.last[5]
            elif "metadata" in line:
                thread.sequence = line["metadata"]["history_sequence"]
                thread.order = line["metadata"].get("user_input_order", thread.order - 1) + 1
        thread._emit_settings()
        return thread

    # -- starting

    def start(self) -> None:
        if self.fork is not None:
            self._start_fork(self.fork)
        elif self.agent is not None and self.agent.inherits:
            self._start_inheriting(self.agent)
        else:
            self.emit(self._session_meta())

    def _start_fork(self, fork: Fork) -> None:
        self.take_over(fork.cut)
        self._emitted_totals = fork.cut.totals
        self.ms += 5
        ids = b'"forked_from_id":"%b",' % fork.source.id
        if self.paginated:
            ids += b'"forked_from_ordinal_exclusive":%d,' % self.ordinal
            base = (
                b'"history_base":{"thread_id":"%b","end_ordinal_exclusive":%d,"end_byte_offset":%d},'
                % (
                    fork.source.id,
                    fork.cut.ordinal,
                    fork.cut.offset,
                )
            )
            self.emit(self._session_meta(ids=ids, history=base + b'"multi_agent_version":"v2",'))
        else:
            self.emit(self._session_meta(ids=ids, history=b'"multi_agent_version":"v1",'))
            self.put_copies(fork.source.head(fork.cut.offset))
        self._emit_settings()

    def _start_inheriting(self, agent: Agent) -> None:
        parent = agent.parent
        self.sequence = agent.cut.sequence
        self.order = agent.cut.order
        self.context = agent.cut.context
        ids = b'"forked_from_id":"%b",' % parent.id
        lines = parent.head(agent.cut.offset)
        if not self.paginated:
            self.totals = self._emitted_totals = agent.cut.totals
            self.last = agent.cut.last
            self.emit(self._session_meta(ids=ids))
            self.put_copies(_inherited_legacy(lines))
        else:
            copies = list(_inherited_paginated(lines))
            own_from = len(copies) + 4
            start = b'"subagent_history_start_ordinal":%d,' % own_from
            self.emit(self._session_meta(ids=ids, history=start))
            for copy in copies:
                self.emit(copy)
            self.emit(
                shape.TURN_ABORTED % (agent.root_turn, agent.root_turn, agent.cut.ms // 1000, b"")
            )
            for kind, size in ((b"usage_hint", 360), (b"role_instructions", 2200)):
                self.emit(
                    b'"type":"response_item","payload":{"type":"message","id":"msg_%b","role":"developer",'
                    b'"content":[{"type":"input_text","text":"%b"}],'
                    b'"internal_chat_message_metadata_passthrough":{"content_item_kinds":["multi_agent.%b"],'
                    b'"content_item_metadata":[%b]}}}'
                    % (self._uuid(), self.filler.manual(kind.decode(), size), kind, shape.HARNESS)
                )
            assert self.ordinal == own_from
        self.pause(20, 60)
        self._emit_settings()

    def _session_meta(self, ids: bytes = b"", history: bytes = b"") -> bytes:
        cwd = self.project.cwd
        source, names = b'"cli"', b""
        if self.agent is not None:
            agent = self.agent
            ids += b'"parent_thread_id":"%b",' % agent.parent.id
            path = b'"%b"' % agent.path if agent.path else b"null"
            source = (
                b'{"subagent":{"thread_spawn":{"parent_thread_id":"%b","depth":1,"agent_path":%b,'
                b'"agent_nickname":"%b","agent_role":null}}}'
                % (agent.parent.id, path, agent.nickname)
            )
            names = b'"thread_source":"subagent","agent_nickname":"%b",' % agent.nickname
            if agent.path:
                names += b'"agent_path":"%b",' % agent.path
            history += b'"multi_agent_version":"%b",' % self._multi_agent
        size = 2_000 if self._short else 15_000 + len(self._instructions_of) * 250
        return shape.SESSION_META % (
            self._session,
            self.id,
            ids,
            stamp(self.started_ms),
            cwd,
            cwd,
            b"codex-tui",
            source,
            names,
            self.filler.manual("base " + self._instructions_of, size),
            self._instructions_of.encode(),
            b"paginated" if self.paginated else b"legacy",
            history,
            self._uuid(),
            b"," + self.project.git,
        )

    def _emit_settings(self) -> None:
        model = self.model.encode()
        effort = self._effort
        self.emit(
            shape.SETTINGS
            % (
                self.id,
                model,
                self._tier,
                self.project.cwd,
                self.project.cwd,
                b'"reasoning_effort":"%b","reasoning_summary":"none",' % effort if effort else b"",
                shape.COLLABORATION % (model, b'"%b"' % effort if effort else b"null"),
            )
        )

    def _emit_turn_context(self) -> None:
        model = self.model.encode()
        effort = self._effort
        self.emit(
            shape.TURN_CONTEXT
            % (
                self._turn,
                self._root_turn,
                self.project.cwd,
                model,
                shape.COLLABORATION % (model, b'"%b"' % effort if effort else b"null"),
                self._multi_agent,
                b'"effort":"%b",' % effort if effort else b"",
            )
        )

    def _emit_world_state(self) -> None:
        cwd = self.project.cwd
        model = self.model.encode()
        skills = self.filler.manual("skills", 600 if self._short else 4_600)
        self.emit(shape.WORLD_STATE % (model, cwd, stamp(self.ms)[:10], cwd, skills, model))

    def _emit_preamble(self) -> None:
        skills = self.filler.manual("skills", 600 if self._short else 4_600)
        permissions = self.filler.manual("permissions", 340)
        self._emit_message(
            b"developer",
            b'{"type":"input_text","text":"%b"},{"type":"input_text","text":"%b"}'
            % (skills, permissions),
            b'"host_skills.instructions","permissions.instructions"',
            b'{"provenance":{"type":"skills"}},' + shape.HARNESS,
            b',"mcp_attribution":{"status":"none"}',
        )
        environment = (
            b"<environment_context>\\n  <cwd>%b</cwd>\\n  <shell>bash</shell>\\n"
            b"  <current_date>%b</current_date>\\n  <timezone>Etc/UTC</timezone>\\n"
            b"</environment_context>"
        ) % (self.project.cwd, stamp(self.ms)[:10])
        self._emit_message(
            b"user",
            b'{"type":"input_text","text":"%b"}' % environment,
            b'"environments.environment_context"',
            shape.HARNESS,
        )
        self._emit_world_state()

    # -- one line

    def emit(self, body: bytes) -> None:
        """Writes a line, `body` being all of it after time and ordinal."""
        if self.paginated:
            self.put(b'{"timestamp":"%b","ordinal":%d,%b\n' % (stamp(self.ms), self.ordinal, body))
            self.ordinal += 1
        else:
            self.put(b'{"timestamp":"%b",%b\n' % (stamp(self.ms), body))

    def _uuid(self) -> bytes:
        return uuid7(self.ms, self.rng)

    def _created(self) -> bytes:
        return b"%d.%03d%d" % (*divmod(self.ms, 1000), 1 + self.rng.getrandbits(13))

    def _emit_item(self, item: bytes, took_ms: int = 0) -> None:
        self.emit(shape.ITEM % (self.id, self._turn, item, self.ms - took_ms, self.ms))

    def _next_sequence(self) -> bytes:
        self.sequence += 1
        return shape.META % (self.sequence, self._sampled)

    def _next_order(self) -> bytes:
        self.order += 1
        return b'"client_authored":false,"user_input_order":%d' % (self.order - 1)

    def _emit_message(
        self, role: bytes, content: bytes, kinds: bytes, origins: bytes, attribution: bytes = b""
    ) -> None:
        """A message that the CLI adds by itself."""
        self.emit(
            b'"type":"response_item","payload":{"type":"message","id":"msg_%b","role":"%b","content":[%b],'
            % (self._uuid(), role, content)
            + shape.PASS % self._turn
            + shape.KINDS % (self._created(), kinds, origins)
            + self._next_sequence()
            + b'"client_authored":false%b}}' % attribution
        )

    def _emit_prompt(self, text: bytes) -> None:
        message = b"msg_" + self._uuid()
        self.emit(
            b'"type":"response_item","payload":{"type":"message","id":"%b","role":"user",'
            b'"content":[{"type":"input_text","text":"%b"}],'
            % (message, text)
            + shape.PASS % self._turn
            + shape.KINDS % (self._created(), b'"user.text"', b'{"provenance":{"type":"user"}}')
            + self._next_sequence()
            + shape.RETAINED % (message, self._turn, b"user", self._uuid())
            + self._next_order()
            + b',"mcp_attribution":{"status":"none"}}}'
        )
        self.ms += 1
        if self.paginated:
            self._emit_item(
                b'"type":"UserMessage","id":"%b","content":[{"type":"text","text":"%b","text_elements":[]}]'
                % (self._uuid(), text)
            )
        else:
            self.emit(
                b'"type":"event_msg","payload":{"type":"user_message","message":"%b","images":[],'
                b'"local_images":[],"audio":[],"local_audio":[],"text_elements":[]}}' % text
            )

    def _emit_reasoning(self) -> None:
        rng = self.rng
        title = self.filler.title(rng)
        item = b"rs_" + hex32(rng)
        if self.paginated:
            self._emit_item(
                b'"type":"Reasoning","id":"%b","summary_text":["%b"],"raw_content":[]'
                % (item, title)
            )
        else:
            self.emit(
                b'"type":"event_msg","payload":{"type":"agent_reasoning","text":"%b"}}' % title
            )
        self.ms += 2
        self.emit(
            b'"type":"response_item","payload":{"type":"reasoning","id":"%b",'
            b'"summary":[{"type":"summary_text","text":"%b"}],"content":null,"encrypted_content":"%b",'
            % (item, title, self.filler.cipher(rng, 1_000 + int(rng.random() ** 2 * 9_000)))
            + shape.PASS % self._turn
            + b"}}"
            + self._next_sequence()
            + b'"client_authored":false}}'
        )

    def _emit_answer(self, text: bytes, final: bool) -> None:
        item = b"msg_" + hex32(self.rng)
        phase = b"final_answer" if final else b"commentary"
        if self.paginated:
            self._emit_item(
                b'"type":"AgentMessage","id":"%b","content":[{"type":"Text","text":"%b"}],"phase":"%b"'
                % (item, text, phase)
            )
        else:
            self.emit(
                b'"type":"event_msg","payload":{"type":"agent_message","message":"%b","phase":"%b",'
                b'"memory_citation":null}}' % (text, phase)
            )
        self.ms += 1
        self.emit(
            b'"type":"response_item","payload":{"type":"message","status":"completed","id":"%b",'
            b'"role":"assistant","content":[{"type":"output_text","text":"%b","annotations":[]}],'
            b'"phase":"%b",'
            % (item, text, phase)
            + shape.PASS % self._turn
            + b',"content_item_kinds":["unknown"]}}'
            + self._next_sequence()
            + shape.RETAINED % (item, self._turn, b"assistant", self._uuid())
            + self._next_order()
            + b"}}"
        )

    def _emit_function_call(
        self, call: bytes, name: bytes, arguments: bytes, namespace: bytes = b""
    ) -> None:
        self.emit(
            b'"type":"response_item","payload":{"type":"function_call","status":"completed","id":"fc_%b",'
            b'"name":"%b",%b"arguments":"%b","call_id":"%b",'
            % (hex32(self.rng), name, namespace, arguments, call)
            + shape.PASS % self._turn
            + b"}}"
            + self._next_sequence()
            + self._next_order()
            + b"}}"
        )

    def _emit_output(self, kind: bytes, prefix: bytes, call: bytes, output: bytes) -> None:
        self.emit(
            b'"type":"response_item","payload":{"type":"%b_output","id":"%b_%b","call_id":"%b","output":"%b",'
            % (kind, prefix, self._uuid(), call, output)
            + shape.PASS % self._turn
            + b',"create_time":%b}}' % self._created()
            + self._next_sequence()
            + shape.OUTPUT_META
        )

    def _emit_record(self, used: Usage) -> bytes:
        """The usage record of a response; gives it back, since a compaction repeats it."""
        self._turn_spent = add(self._turn_spent, used)
        self.last = used
        record = shape.RECORD % (
            self.id,
            self._turn,
            self._session,
            self._root_turn,
            hex32(self.rng),
            shape.USAGE % used,
            shape.USAGE % self._turn_spent,
            shape.USAGE % self.spent,
        )
        self.emit(b'"type":"token_usage_record","payload":%b}' % record)
        return record

    def _emit_token_count(self, last: Usage | None = None) -> None:
        """The counters; unchanged if nothing was billed since the last time."""
        primary, secondary = self.limits()
        limits = shape.RATE_LIMITS % (primary, self._resets, secondary, self._resets + 400_000)
        shown = last or self.last
        if shown is None:
            self.emit(shape.TOKEN_COUNT_NULL % limits)
            return
        self._emitted_totals = self.totals
        estimate = b"true" if last else b"false"
        self.emit(
            shape.TOKEN_COUNT % (shape.USAGE % self.totals, shape.USAGE % shown, estimate, limits)
        )

    # -- what makes a turn

    def turn(self, target: int) -> None:
        rng = self.rng
        if self.context > 230_000:
            self._compact()
        elif self.turns and rng.random() < 0.03:
            self._switch_model()
        started = self._begin_turn()
        self._emit_prompt(self.filler.prompt(rng))
        if self._delegates and self.turns == 1:
            self._delegate()
        first_token = 200 + rng.getrandbits(11)
        steps = 1 + min(40, int(rng.expovariate(1 / 6)))
        for step in range(steps):
            fate = rng.random()
            if step and fate < 0.004:
                self._abort(started)
                return
            if fate > 0.992:  # The stream broke and was tried again.
                self.pause(200, 3_000)
                self._emit_token_count()
            if step == steps - 1 or self.size + _SMALL_STEP > target:
                break
            self._work(min(200_000, max(300, (target - self.size) // 4)))
        answer = self._answer(max(100, (target - self.size) // 3))
        timing = b',"time_to_first_token_ms":%d' % first_token
        self._end_turn(started, b'"%b"' % answer, timing)

    def _begin_turn(self) -> int:
        started = self.ms
        self._turn = self._uuid()
        self._turn_spent = ZERO
        agent = self.agent
        if agent is None:
            self._root_turn = self._turn
            attribution = shape.ATTRIBUTION % (self._turn, b"null", b"null", self._turn)
        else:
            by = b'"/root"' if agent.path else b"null"
            parent = b'"%b"' % agent.root_turn
            attribution = shape.ATTRIBUTION % (self._turn, parent, by, self._root_turn)
        self.emit(shape.TASK_STARTED % (attribution, self._turn, self._root_turn, started // 1000))
        self.pause(20, 150)
        self._sampled = self.sequence
        if self._preamble_due:
            self._preamble_due = False
            self._emit_preamble()
        if self._announce_model:
            self._announce_model = False
            self._emit_message(
                b"developer",
                b'{"type":"input_text","text":"%b"}'
                % self.filler.manual("switch " + self.model, 5_000),
                b'"model_switch.instructions"',
                shape.HARNESS,
            )
            model = self.model.encode()
            self.emit(
                b'"type":"world_state","payload":{"full":false,"state":{"collaboration_mode":{"model":"%b"},'
                b'"model":"%b"}}}' % (model, model)
            )
        self._emit_turn_context()
        if self._settings_due:
            self._settings_due = False
            self._emit_settings()
        self.pause(10, 40)
        return started

    def _end_turn(self, started: int, message: bytes, timing: bytes = b"") -> None:
        self.ms += 6
        self.emit(
            shape.TASK_COMPLETE
            % (
                self._root_turn,
                self._turn,
                message,
                started // 1000,
                self.ms // 1000,
                self.ms - started,
                timing,
            )
        )

    def _work(self, limit: int) -> None:
        """A response that calls a tool or two, and their outputs."""
        rng = self.rng
        self._sampled = self.sequence
        self.pause(800, 6_000)
        thinks = rng.random() < 0.7
        if thinks:
            self._emit_reasoning()
        talk = 0
        if rng.random() < 0.25:
            text = self.filler.prose.cut(rng, 40 + rng.getrandbits(8))
            talk = len(text) // 4
            self._emit_answer(text, final=False)
        draw = rng.random()
        if draw < 0.14:
            self._patch(talk, thinks)
        elif draw < 0.16:
            self._search(talk, thinks)
        else:
            self._run(talk, thinks, 2 if draw > 0.85 else 1, limit)
        self._emit_token_count()

    def _bill(self, written: int, thinks: bool) -> None:
        reasoning = 64 * (1 + self.rng.getrandbits(4)) if thinks else 0
        self._emit_record(self.respond(20 + written, reasoning))

    def _run(self, talk: int, thinks: bool, count: int, limit: int) -> None:
        rng = self.rng
        calls = []
        for _ in range(count):
            command = COMMANDS[int(rng.random() * len(COMMANDS))]
            call = b"call_" + hex24(rng)
            calls.append((call, command[0]))
            arguments = b'{\\"cmd\\":\\"%b\\",\\"workdir\\":\\"%b\\",\\"yield_time_ms\\":10000}' % (
                command[1],
                self.project.cwd,
            )
            self._emit_function_call(call, b"exec_command", arguments)
        self.ms += 2
        self._bill(talk + 30 * count, thinks)
        outputs = []
        for call, text in calls:
            took = int(20 * rng.lognormvariate(2, 1.6))
            self.ms += took
            output = self.filler.output.cut(rng, output_size(rng, limit))
            exit_code = 0 if rng.random() < 0.9 else 1
            outputs.append((call, output, exit_code, took))
            if self.paginated:
                self._emit_item(
                    b'"type":"CommandExecution","id":"%b","process_id":"%d",'
                    b'"command":["/bin/bash","-lc","%b"],"cwd":"file://%b",'
                    b'"parsed_cmd":[{"type":"unknown","cmd":"%b"}],"source":"unified_exec_startup",'
                    b'"status":"%b","aggregated_output":"%b","exit_code":%d,"duration":{"secs":%d,"nanos":%d}'
                    % (
                        call,
                        rng.getrandbits(16),
                        text,
                        self.project.cwd,
                        text,
                        b"failed" if exit_code else b"completed",
                        output,
                        exit_code,
                        took // 1000,
                        took % 1000 * 1_000_000,
                    ),
                    took,
                )
        for call, output, exit_code, took in outputs:
            tokens = len(output) // 4
            if len(output) > _TRUNCATE_AT:
                half = output[: output.rindex(b"\\n", 0, _TRUNCATE_AT)]
                output = b"%b\\n\xe2\x80\xa6%d tokens truncated\xe2\x80\xa6" % (
                    half,
                    tokens - 10_000,
                )
            self.context += len(output) // 4
            self._emit_output(
                b"function_call",
                b"fco",
                call,
                b"Chunk ID: %06x\\nWall time: %d.%04d seconds\\nProcess exited with code %d\\n"
                b"Original token count: %d\\nOutput:\\n%b"
                % (rng.getrandbits(24), took // 1000, took % 1000 * 10, exit_code, tokens, output),
            )

    def _patch(self, talk: int, thinks: bool) -> None:
        rng = self.rng
        call = b"call_" + hex24(rng)
        body = self.filler.output.cut(rng, 100 + int(rng.random() ** 2 * 3_000))
        name = b"src/part_%d.py" % rng.getrandbits(8)
        self.emit(
            b'"type":"response_item","payload":{"type":"custom_tool_call","id":"ctc_%b","status":"completed",'
            b'"call_id":"%b","name":"apply_patch",'
            b'"input":"*** Begin Patch\\n*** Update File: %b\\n@@\\n%b*** End Patch",'
            % (hex32(rng), call, name, body)
            + shape.PASS % self._turn
            + b"}}"
            + self._next_sequence()
            + b'"client_authored":false}}'
        )
        self.ms += 1
        self._bill(talk + len(body) // 4, thinks)
        self.ms += 6
        changes = (
            b'"changes":{"%b/%b":{"type":"update","unified_diff":"@@ -1,3 +1,9 @@\\n%b",'
            b'"move_path":null}}' % (self.project.cwd, name, body)
        )
        done = b"Success. Updated the following files:\\nM %b\\n" % name
        if self.paginated:
            self._emit_item(
                b'"type":"FileChange","id":"%b",%b,"status":"completed","stdout":"%b","stderr":""'
                % (call, changes, done)
            )
        else:
            self.emit(
                b'"type":"event_msg","payload":{"type":"patch_apply_end","call_id":"%b","turn_id":"%b",'
                b'"stdout":"%b","stderr":"","success":true,%b,"status":"completed"}}'
                % (call, self._turn, done, changes)
            )
        self.ms += 3
        self.context += 30
        self._emit_output(
            b"custom_tool_call",
            b"ctco",
            call,
            b"Exit code: 0\\nWall time: 0 seconds\\nOutput:\\n" + done,
        )

    def _search(self, talk: int, thinks: bool) -> None:
        rng = self.rng
        item = b"ws_" + hex32(rng)
        query = self.filler.prompts[int(rng.random() * 3000)]
        action = b'"action":{"type":"search","query":"%b","queries":["%b"]}' % (query, query)
        self.pause(300, 2_500)
        if self.paginated:
            self._emit_item(
                b'"type":"WebSearch","id":"%b","query":"%b",%b' % (item, query, action), 250
            )
        else:
            self.emit(
                b'"type":"event_msg","payload":{"type":"web_search_end","call_id":"%b","query":"%b",%b}}'
                % (item, query, action)
            )
        self.emit(
            b'"type":"response_item","payload":{"type":"web_search_call","id":"%b","status":"completed",%b,'
            % (item, action)
            + shape.PASS % self._turn
            + b"}}"
            + self._next_sequence()
            + b'"client_authored":false}}'
        )
        self.context += 1_500
        self._bill(talk + 40, thinks)

    def _answer(self, limit: int) -> bytes:
        """The response that ends a turn."""
        rng = self.rng
        self._sampled = self.sequence
        self.pause(600, 5_000)
        thinks = rng.random() < 0.5
        if thinks:
            self._emit_reasoning()
        text = self.filler.prose.cut(rng, min(limit, 150 + int(rng.random() ** 2 * 2_500)))
        self._emit_answer(text, final=True)
        self._bill(len(text) // 4, thinks)
        self.ms += 1
        self._emit_token_count()
        return text

    def _abort(self, started: int) -> None:
        """The user interrupts: what the response used is not known to anybody."""
        self._sampled = self.sequence
        self.pause(300, 4_000)
        self._emit_reasoning()
        self.pause(300, 4_000)
        self._emit_token_count()
        self._emit_message(
            b"user",
            b'{"type":"input_text","text":"<turn_aborted>\\n'
            b"The user interrupted the previous turn on purpose. "
            b"Any running unified exec processes may still be running in the background."
            b'\\n</turn_aborted>"}',
            b'"generic.turn_aborted"',
            shape.HARNESS,
        )
        self.ms += 2
        ended = b',"completed_at":%d,"duration_ms":%d' % (self.ms // 1000, self.ms - started)
        self.emit(shape.TURN_ABORTED % (self._root_turn, self._turn, started // 1000, ended))

    def _switch_model(self) -> None:
        other = {"gpt-5.4": "gpt-5.4-mini", "gpt-5.4-mini": "gpt-5.4"}.get(self.model)
        if other is None or self.agent is not None:
            return
        self.model = other
        self._announce_model = True
        self._emit_settings()
        self.pause(2_000, 9_000)

    def _compact(self) -> None:
        """A turn of its own: the model sums up, the context starts anew, the totals go on."""
        rng = self.rng
        started = self.ms
        self._turn = self._uuid()
        if self.agent is None:
            self._root_turn = self._turn
        self._turn_spent = ZERO
        attribution = shape.ATTRIBUTION % (self._turn, b"null", b"null", self._root_turn)
        self.emit(shape.TASK_STARTED % (attribution, self._turn, self._root_turn, started // 1000))
        self._emit_token_count()
        self.pause(4_000, 15_000)
        self._sampled = self.sequence
        summary = self.filler.prose.cut(rng, 2_500)
        item = b"msg_" + hex32(rng)
        self.emit(
            b'"type":"response_item","payload":{"type":"message","status":"completed","id":"%b",'
            b'"role":"assistant","content":[{"type":"output_text","text":"%b","annotations":[]}],'
            % (item, summary)
            + shape.PASS % self._turn
            + b',"content_item_kinds":["unknown"]}}'
            + self._next_sequence()
            + b'"client_authored":false,"compaction_output":true}}'
        )
        record = self._emit_record(self.respond(len(summary) // 4, 0))
        self._emit_token_count()
        self.ms += 3
        self._emit_compacted(summary, record)
        self._emit_world_state()
        self._emit_turn_context()
        self._emit_settings()
        self.context = 9_000 + rng.getrandbits(12)
        self._cached = 0
        self._emit_token_count((0, 0, 0, 0, 0, self.context))
        if self.paginated:
            self._emit_item(
                b'"type":"ContextCompaction","id":"%b"' % self._uuid(), self.ms - started
            )
        else:
            self.emit(b'"type":"event_msg","payload":{"type":"context_compacted"}}')
        self._end_turn(started, b"null")
        self.pause(500, 9_000)

    def _emit_compacted(self, summary: bytes, record: bytes) -> None:
        rng = self.rng
        history, metadata, users = [], [], []
        window = self._uuid()
        for number in range(min(12, self.turns)):
            message = b"msg_" + self._uuid()
            revision = b"retained_" + self._uuid()
            text = self.filler.prompts[int(rng.random() * 3000)]
            history.append(
                b'{"type":"message","id":"%b","role":"user","content":[{"type":"input_text","text":"%b"}],'
                % (message, text)
                + shape.PASS % self._turn
                + b',"create_time":%b,"content_item_kinds":["user.text"],' % self._created()
                + b'"content_item_metadata":[{"provenance":{"type":"user"}}]}}'
            )
            metadata.append(
                b'{"history_sequence":%d,"sampled_through_sequence":%d,"retained_source":{"id":{'
                b'"message_id":"%b","turn_id":"%b","role":"user"},"revision":"%b","complete":true},'
                b'"client_authored":false,"user_input_order":%d,"mcp_attribution":{"status":"none"}}'
                % (number * 2 + 3, number * 2, message, self._turn, revision, number)
            )
            users.append(
                b'{"revision":"%b","order":%d,"turn_id":"%b","message_id":"%b","text":"%b","complete":true}'
                % (revision, number, self._turn, message, text)
            )
        history.append(
            b'{"type":"message","id":"msg_%b","role":"user","content":[{"type":"input_text","text":"%b"}],'
            % (self._uuid(), summary)
            + shape.PASS % self._turn
            + b',"content_item_kinds":["compaction.summary"],"content_item_metadata":[%b]}}'
            % shape.HARNESS
        )
        metadata.append(
            b'{"history_sequence":%d,"sampled_through_sequence":%d,"client_authored":false,'
            b'"mcp_attribution":{"status":"none"}}' % (self.sequence + 3, self.sequence - 1)
        )
        attribution = shape.ATTRIBUTION % (self._turn, b"null", b"null", self._root_turn)
        self.emit(
            b'"type":"compacted","payload":{"message":"%b","replacement_history":[%b],'
            b'"replacement_history_metadata":[%b],"retained_context":{"verified_answers":[],'
            b'"incomplete":false,"user_messages":[%b],"user_messages_incomplete":false,'
            b'"assistant_messages":[],"assistant_messages_incomplete":false,"next_order":%d},'
            b'"window_number":1,"first_window_id":"%b","previous_window_id":"%b","window_id":"%b",'
            b'"compaction_response_id":"%b","latest_token_usage_record":%b,'
            b'"resume_metadata":{"dynamic_tools":{"thread_id":"%b","tools":[]},"multi_agent_version":"%b",'
            b'"last_started_turn_id":"%b",%b,"previous_turn_settings":{"model":"%b","comp_hash":"2911",'
            b'"realtime_active":false}}}}'
            % (
                summary,
                b",".join(history),
                b",".join(metadata),
                b",".join(users),
                self.order,
                window,
                window,
                self._uuid(),
                record[record.index(b"resp_") : record.index(b"resp_") + 37],
                record,
                self.id,
                self._multi_agent,
                self._turn,
                attribution,
                self.model.encode(),
            )
        )

    # -- sub-agents

    def _delegate(self) -> None:
        """Starts a sub-agent and waits for it: two responses of this thread."""
        rng = self.rng
        self._sampled = self.sequence
        self.pause(800, 4_000)
        modern = self._multi_agent == b"v2"
        namespace = b'"namespace":"%b",' % (b"collaboration" if modern else b"multi_agent_v1")
        task = self.filler.prompt(rng)
        name = b"alpha"
        inherits = modern or rng.random() < 0.5
        self._emit_reasoning()
        call = b"call_" + hex24(rng)
        arguments = b'{\\"message\\":\\"%b\\"' % task
        if modern:
            arguments += b',\\"task_name\\":\\"%b\\"}' % name
        else:
            arguments += b',\\"fork_context\\":true}' if inherits else b"}"
        self._emit_function_call(call, b"spawn_agent", arguments, namespace)
        cut = self.cut()
        self._bill(len(task) // 4, True)
        self.pause(20, 90)
        agent = Agent(
            id=self._uuid(),
            ms=self.ms,
            parent=self,
            root_turn=self._root_turn,
            nickname=rng.choice(_NICKNAMES),
            path=b"/root/" + name if modern else b"",
            inherits=inherits,
            cut=cut,
        )
        self.agents.append(agent)
        self.ms += 60
        if modern:
            self._emit_agent_activity(agent, call, b"started")
            output = b'{\\"task_name\\":\\"%b\\"}' % agent.path
            subagents = b'<agent name=\\"%b\\" />' % agent.path
        else:
            output = b'{\\"agent_id\\":\\"%b\\",\\"nickname\\":\\"%b\\"}' % (
                agent.id,
                agent.nickname,
            )
            subagents = b"- %b: %b" % (agent.id, agent.nickname)
        self._emit_output(b"function_call", b"fco", call, output)
        self._emit_token_count()
        self.emit(
            b'"type":"world_state","payload":{"full":false,"state":{"environments":{"subagents":"%b"}}}}'
            % subagents
        )
        self._await_agent(agent, namespace)

    def _await_agent(self, agent: Agent, namespace: bytes) -> None:
        rng = self.rng
        self._sampled = self.sequence
        self.pause(800, 4_000)
        call = b"call_" + hex24(rng)
        arguments = b'{\\"timeout_ms\\":600000'
        if not agent.path:
            arguments += b',\\"targets\\":[\\"%b\\"]' % agent.id
        self._emit_function_call(call, b"wait_agent", arguments + b"}", namespace)
        self._bill(20, False)
        self.pause(60_000, 500_000)
        found = self.filler.prompts[int(rng.random() * 3000)]
        if agent.path:
            self._emit_agent_activity(agent, b"subagent-completed-" + self._uuid(), b"completed")
            self._emit_item(
                b'"type":"CollabAgentToolCall","id":"%b","tool":"wait","status":"completed",'
                b'"sender_thread_id":"%b","receiver_thread_ids":[],"receiver_agents":[],"agents_states":{}'
                % (call, self.id),
                50_000,
            )
            output = b'{\\"message\\":\\"Wait completed.\\",\\"timed_out\\":false}'
        else:
            output = (
                b'{\\"status\\":{\\"%b\\":{\\"completed\\":\\"%b\\"}},\\"timed_out\\":false}'
                % (agent.id, found)
            )
        self._emit_output(b"function_call", b"fco", call, output)
        self._emit_token_count()
        self.ms += 4
        if agent.path:
            self.emit(
                b'"type":"inter_agent_communication_metadata","payload":{"trigger_turn":false}}'
            )
            self.emit(
                b'"type":"response_item","payload":{"type":"agent_message","id":"amsg_%b","author":"%b",'
                b'"recipient":"/root","content":[{"type":"input_text",'
                b'"text":"Message Type: FINAL_ANSWER\\nTask name: /root\\nSender: %b\\n'
                b'Payload:\\n%b"}],'
                % (self._uuid(), agent.path, agent.path, found)
                + shape.PASS % self._turn
                + b',"create_time":%b,' % self._created()
                + b'"content_item_metadata":['
                + b'{"provenance":{"type":"tool","namespace":"collaboration"}}]}}'
                + self._next_sequence()
                + self._next_order()
                + b"}}"
            )
        else:
            self._emit_message(
                b"user",
                b'{"type":"input_text","text":"<subagent_notification>\\n{\\"agent_path\\":\\"%b\\",'
                b'\\"status\\":{\\"completed\\":\\"%b\\"}}\\n</subagent_notification>"}'
                % (agent.id, found),
                b'"multi_agent.subagent_notification"',
                b'{"provenance":{"type":"tool","namespace":"multi_agent_v1"}}',
            )

    def _emit_agent_activity(self, agent: Agent, item: bytes, kind: bytes) -> None:
        model, effort = b"null", b"null"
        if kind == b"started":
            model, effort = b'"%b"' % self.model.encode(), b'"medium"'
        self._emit_item(
            b'"type":"SubAgentActivity","model":%b,"reasoning_effort":%b,"id":"%b","kind":"%b",'
            b'"agent_thread_id":"%b","agent_path":"%b"'
            % (model, effort, item, kind, agent.id, agent.path)
        )


def _usage(fields: dict[str, int]) -> Usage:
    return (
        fields["input_tokens"],
        fields["cached_input_tokens"],
        fields["cache_write_input_tokens"],
        fields["output_tokens"],
        fields["reasoning_output_tokens"],
        fields["total_tokens"],
    )


def _inherited_legacy(lines: list[bytes]) -> Iterator[bytes]:
    """What a legacy sub-agent takes over: talk and counters; no tools, reasoning or records."""
    for line in lines:
        body = line[40:]
        if body.startswith(b'"type":"token_usage_record"'):
            continue
        if body.startswith(b'"type":"response_item"') and (
            b'"payload":{"type":"message"' not in body[:60] or b'"phase":"commentary"' in body
        ):
            continue
        yield line


def _inherited_paginated(lines: list[bytes]) -> Iterator[bytes]:
    """What a paginated sub-agent takes over, as bodies: what the model saw; no usage, no items."""
    for line in lines:
        body = line[line.index(b',"type":', 38) + 1 : -1]
        if body.startswith(
            (b'"type":"session_meta"', b'"type":"world_state"', b'"type":"turn_context"')
        ) or body.startswith(b'"type":"event_msg","payload":{"type":"task_'):
            yield body
        elif body.startswith(b'"type":"response_item"'):
            tail = _TAIL.search(body, len(body) - 140)
            assert tail is not None
            order = tail[1] or b""
            if b'"role":"user"' not in body[:140]:
                order = b""
            yield b'%b%b%b,"inherited_user_message":true%b}}' % (
                body[: tail.start()],
                order,
                tail[2] or b"",
                tail[3] or b"",
            )
