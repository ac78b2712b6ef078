"""Rollouts as the CLI wrote them at 0.47.0 and 0.80.0.

Belongs here: the exact JSON of those versions: no ordinals, no turn ids, no usage records, and
every request counted twice, once with the old totals when it starts and once when it is done.
Does not belong here: 0.169 (`modern.py`), random texts and ids (`filler.py`).
"""

from __future__ import annotations

import random
from dataclasses import dataclass
from pathlib import Path

from bench.filler import COMMANDS, Filler, hex24, output_size, stamp
from bench.threads import ZERO, Cut, Project, Thread, Usage

_SMALL_STEP = 3_500
_USAGE = (
    b'{"input_tokens":%d,"cached_input_tokens":%d,"output_tokens":%d,"reasoning_output_tokens":%d,'
    b'"total_tokens":%d}'
)
_TOKEN_COUNT = (
    b'"type":"event_msg","payload":{"type":"token_count","info":{"total_token_usage":%b,'
    b'"last_token_usage":%b,"model_context_window":%d},"rate_limits":%b}}'
)
_TOKEN_COUNT_NULL = (
    b'"type":"event_msg","payload":{"type":"token_count","info":null,"rate_limits":%b}}'
)
_MESSAGE = (
    b'"type":"response_item","payload":{"type":"message","role":"%b",'
    b'"content":[{"type":"%b","text":"%b"}]}}'
)


@dataclass(frozen=True)
class OldFork:
    """A 0.80 thread that copied another one's lines; nothing but a second session_meta says so."""

    source: OldThread
    cut: Cut


class OldThread(Thread):
    """What 0.47.0 and 0.80.0 have in common."""

    window = 258_400
    environment = (
        b"<environment_context>\\n  <cwd>%b</cwd>\\n  <approval_policy>never</approval_policy>\\n"
        b"  <sandbox_mode>danger-full-access</sandbox_mode>\\n"
        b"  <network_access>enabled</network_access>\\n"
        b"  <shell>bash</shell>\\n</environment_context>"
    )

    def __init__(
        self,
        home: Path,
        project: Project,
        model: str,
        ms: int,
        rng: random.Random,
        filler: Filler,
        fork: OldFork | None = None,
    ) -> None:
        super().__init__(home, project, model, ms, rng, filler)
        self.context = 3_000 + int(rng.random() * 3_000)
        self.fork = fork

    def start(self) -> None:
        self._emit_session_meta()
        if self.fork is None:
            self._emit_preamble()
        else:
            self.take_over(self.fork.cut)
            self.ms += 5
            self.put_copies(self.fork.source.head(self.fork.cut.offset))
            self.pause(15, 40)

    def turn(self, target: int) -> None:
        rng = self.rng
        if self.context > self.window - 20_000:
            self._compact()
        self._emit_prompt(self.filler.prompt(rng))
        self._emit_turn_context()
        steps = 1 + min(40, int(rng.expovariate(1 / 6)))
        for step in range(steps):
            self.ms += 3
            self._emit_token_count()
            if step and rng.random() < 0.004:
                self._emit_reasoning_event(self.filler.title(rng))
                self.pause(300, 4_000)
                self._emit_aborted()
                return
            if step == steps - 1 or self.size + _SMALL_STEP > target:
                break
            self._work(min(200_000, max(300, (target - self.size) // 4)))
            self._emit_turn_context()
        self._answer(max(100, (target - self.size) // 3))

    # -- one line

    def emit(self, body: bytes) -> None:
        self.put(b'{"timestamp":"%b",%b\n' % (stamp(self.ms), body))

    def _emit_message(self, role: bytes, text: bytes) -> None:
        kind = b"output_text" if role == b"assistant" else b"input_text"
        self.emit(_MESSAGE % (role, kind, text))

    def _emit_reasoning_event(self, title: bytes) -> None:
        self.emit(b'"type":"event_msg","payload":{"type":"agent_reasoning","text":"%b"}}' % title)

    def _emit_reasoning(self, title: bytes) -> None:
        rng = self.rng
        self.emit(
            b'"type":"response_item","payload":{"type":"reasoning",'
            b'"summary":[{"type":"summary_text","text":"%b"}],"content":null,"encrypted_content":"%b"}}'
            % (title, self.filler.cipher(rng, 1_000 + int(rng.random() ** 2 * 4_000)))
        )

    def _emit_message_event(self, text: bytes) -> None:
        self.emit(b'"type":"event_msg","payload":{"type":"agent_message","message":"%b"}}' % text)

    def _emit_call(self, name: bytes, arguments: bytes, call: bytes) -> None:
        self.emit(
            b'"type":"response_item","payload":{"type":"function_call","name":"%b","arguments":"%b",'
            b'"call_id":"%b"}}' % (name, arguments, call)
        )

    def _emit_patch(self, call: bytes, body: bytes) -> None:
        self.emit(
            b'"type":"response_item","payload":{"type":"custom_tool_call","status":"completed","call_id":"%b",'
            b'"name":"apply_patch","input":"*** Begin Patch\\n*** Update File: src/a.py\\n@@\\n%b'
            b'*** End Patch"}}' % (call, body)
        )

    def _emit_output(self, kind: bytes, call: bytes, output: bytes) -> None:
        self.emit(
            b'"type":"response_item","payload":{"type":"%b_output","call_id":"%b","output":"%b"}}'
            % (kind, call, output)
        )

    def _emit_token_count(self, last: Usage | None = None) -> None:
        shown = last or self.last
        if shown is None:
            self.emit(_TOKEN_COUNT_NULL % self._rate_limits())
        else:
            self.emit(
                _TOKEN_COUNT
                % (_usage(self.totals), _usage(shown), self.window, self._rate_limits())
            )

    # -- what a response is made of

    def _bill(self, written: int, thinks: bool) -> None:
        reasoning = 64 * (1 + self.rng.getrandbits(4)) if thinks else 0
        self.last = self.respond(20 + written, reasoning)
        self._emit_token_count()

    def _tools(self, limit: int) -> list[tuple[bytes, bytes, bytes, int]]:
        """Calls of one response: kind, call id, command or patch, size of the output."""
        rng = self.rng
        if rng.random() < 0.15:
            body = self.filler.output.cut(rng, 100 + int(rng.random() ** 2 * 3_000))
            return [(b"custom_tool_call", b"call_" + hex24(rng), body, 0)]
        return [
            (
                b"function_call",
                b"call_" + hex24(rng),
                COMMANDS[int(rng.random() * len(COMMANDS))][1],
                output_size(rng, limit),
            )
            for _ in range(2 if rng.random() < 0.15 else 1)
        ]

    def _output(self, size: int) -> bytes:
        """An output as these versions cut it, at 40 KB."""
        output = self.filler.output.cut(self.rng, min(size, 40_000))
        self.context += len(output) // 4
        return output

    def _work(self, limit: int) -> None:
        raise NotImplementedError

    def _answer(self, limit: int) -> None:
        raise NotImplementedError

    def _compact(self) -> None:
        raise NotImplementedError

    def _rate_limits(self) -> bytes:
        raise NotImplementedError

    def _emit_session_meta(self) -> None:
        raise NotImplementedError

    def _emit_preamble(self) -> None:
        raise NotImplementedError

    def _emit_prompt(self, text: bytes) -> None:
        raise NotImplementedError

    def _emit_turn_context(self) -> None:
        raise NotImplementedError

    def _emit_aborted(self) -> None:
        raise NotImplementedError


class Thread80(OldThread):
    """CLI 0.80.0: long instructions, repeated with every request."""

    version = "0.80.0"

    def _emit_session_meta(self) -> None:
        self.emit(
            b'"type":"session_meta","payload":{"id":"%b","timestamp":"%b","cwd":"%b",'
            b'"originator":"codex_cli_rs","cli_version":"0.80.0","instructions":"%b","source":"cli",'
            b'"model_provider":"openai",%b}}'
            % (
                self.id,
                stamp(self.started_ms),
                self.project.cwd,
                self.filler.manual("agents", 2_500),
                self.project.git,
            )
        )

    def _emit_preamble(self) -> None:
        agents = b"# AGENTS.md instructions for %b\\n\\n<INSTRUCTIONS>\\n%b</INSTRUCTIONS>" % (
            self.project.cwd,
            self.filler.manual("agents", 2_500),
        )
        self._emit_message(b"user", agents)
        self._emit_message(b"user", self.environment % self.project.cwd)

    def _emit_prompt(self, text: bytes) -> None:
        self._emit_message(b"user", text)
        self.emit(
            b'"type":"event_msg","payload":{"type":"user_message","message":"%b","images":[]}}'
            % text
        )

    def _emit_turn_context(self) -> None:
        self.emit(
            b'"type":"turn_context","payload":{"cwd":"%b","approval_policy":"never",'
            b'"sandbox_policy":{"type":"danger-full-access"},"model":"%b","summary":"auto",'
            b'"user_instructions":"%b","truncation_policy":{"mode":"tokens","limit":10000}}}'
            % (self.project.cwd, self.model.encode(), self.filler.manual("agents", 2_500))
        )

    def _emit_aborted(self) -> None:
        self.emit(b'"type":"event_msg","payload":{"type":"turn_aborted","reason":"interrupted"}}')

    def _rate_limits(self) -> bytes:
        primary, secondary = self.limits()
        resets = self.started_ms // 1000 + 9_000
        return (
            b'{"primary":{"used_percent":%.1f,"window_minutes":300,"resets_at":%d},'
            b'"secondary":{"used_percent":%.1f,"window_minutes":10080,"resets_at":%d},'
            b'"credits":{"has_credits":true,"unlimited":false,"balance":"12.50"},"plan_type":null}'
        ) % (primary, resets, secondary, resets + 400_000)

    def _work(self, limit: int) -> None:
        rng = self.rng
        self.pause(800, 6_000)
        thinks = rng.random() < 0.7
        if thinks:
            title = self.filler.title(rng)
            self._emit_reasoning_event(title)
            self._emit_reasoning(title)
        talk = 0
        if rng.random() < 0.25:
            text = self.filler.prose.cut(rng, 40 + rng.getrandbits(8))
            talk = len(text) // 4
            self._emit_message_event(text)
            self._emit_message(b"assistant", text)
        tools = self._tools(limit)
        for kind, call, body, _ in tools:
            talk += len(body) // 4
            if kind == b"custom_tool_call":
                self._emit_patch(call, body)
            else:
                arguments = b'{\\"command\\":\\"%b\\",\\"timeout_ms\\":20000}' % body
                self._emit_call(b"shell_command", arguments, call)
        self._bill(talk, thinks)
        for kind, call, _, size in tools:
            self.pause(5, 3_000)
            if kind == b"custom_tool_call":
                self._emit_output(kind, call, _PATCHED)
            else:
                head = b"Exit code: 0\\nWall time: 0.%d seconds\\nOutput:\\n" % rng.getrandbits(3)
                self._emit_output(kind, call, head + self._output(size))

    def _answer(self, limit: int) -> None:
        rng = self.rng
        self.pause(600, 5_000)
        title = self.filler.title(rng)
        self._emit_reasoning_event(title)
        self._emit_reasoning(title)
        text = self.filler.prose.cut(rng, min(limit, 150 + int(rng.random() ** 2 * 2_500)))
        self._emit_message_event(text)
        self._emit_message(b"assistant", text)
        self._bill(len(text) // 4, True)

    def _compact(self) -> None:
        rng = self.rng
        summary = self.filler.prose.cut(rng, 2_500)
        self._bill(len(summary) // 4, False)
        self.context = 5_000 + rng.getrandbits(10)
        self._cached = 0
        estimate = (0, 0, 0, 0, 0, self.context)
        self._emit_token_count(estimate)
        self.emit(b'"type":"compacted","payload":{"message":"%b"}}' % summary)
        self.emit(b'"type":"event_msg","payload":{"type":"context_compacted"}}')
        self._emit_turn_context()
        self._emit_token_count(estimate)
        self.last = estimate
        self.pause(500, 9_000)


class Thread47(OldThread):
    """CLI 0.47.0: small lines; a resumed session starts its counters anew."""

    version = "0.47.0"
    window = 272_000

    def _emit_session_meta(self) -> None:
        self.emit(
            b'"type":"session_meta","payload":{"id":"%b","timestamp":"%b","cwd":"%b",'
            b'"originator":"codex_cli_rs","cli_version":"0.47.0","instructions":null,"source":"cli",%b}}'
            % (self.id, stamp(self.started_ms), self.project.cwd, self.project.git)
        )

    def _emit_preamble(self) -> None:
        self._emit_message(b"user", self.environment % self.project.cwd)

    def turn(self, target: int) -> None:
        if self.turns and self.rng.random() < 0.05:  # resumed
            self.totals = ZERO
            self.last = None
        super().turn(target)

    def _emit_prompt(self, text: bytes) -> None:
        self._emit_message(b"user", text)
        self.emit(
            b'"type":"event_msg","payload":{"type":"user_message","message":"%b","kind":"plain"}}'
            % text
        )

    def _emit_turn_context(self) -> None:
        self.emit(
            b'"type":"turn_context","payload":{"cwd":"%b","approval_policy":"never",'
            b'"sandbox_policy":{"mode":"danger-full-access"},"model":"%b","summary":"auto"}}'
            % (self.project.cwd, self.model.encode())
        )

    def _emit_aborted(self) -> None:
        self.emit(b'"type":"event_msg","payload":{"type":"turn_aborted","reason":"interrupted"}}')

    def _rate_limits(self) -> bytes:
        return (
            b'{"primary":{"used_percent":%.1f,"window_minutes":300,"resets_in_seconds":null},'
            b'"secondary":{"used_percent":%.1f,"window_minutes":10080,"resets_in_seconds":null}}'
        ) % self.limits()

    def _work(self, limit: int) -> None:
        """Events while the response comes in; its items when it is done."""
        rng = self.rng
        self.pause(800, 6_000)
        title = self.filler.title(rng) if rng.random() < 0.7 else b""
        text = self.filler.prose.cut(rng, 40 + rng.getrandbits(8)) if rng.random() < 0.25 else b""
        tools = self._tools(limit)
        if title:
            self._emit_reasoning_event(title)
        if text:
            self._emit_message_event(text)
        self._bill((len(text) + sum(len(tool[2]) for tool in tools)) // 4, bool(title))
        self.pause(5, 3_000)
        if title:
            self._emit_reasoning(title)
        if text:
            self._emit_message(b"assistant", text)
        for kind, call, body, size in tools:
            if kind == b"custom_tool_call":
                self._emit_patch(call, body)
                self._emit_output(kind, call, _PATCHED)
            else:
                shell = b'{\\"command\\":[\\"bash\\",\\"-lc\\",\\"%b\\"]}' % body
                self._emit_call(b"shell", shell, call)
                inner = self._output(size).replace(b"\\", b"\\\\").replace(b'"', b'\\"')
                self._emit_output(
                    kind,
                    call,
                    b'{\\"output\\":\\"%b\\",\\"metadata\\":{\\"exit_code\\":0,\\"duration_seconds\\":0.%d}}'
                    % (inner, rng.getrandbits(3)),
                )

    def _answer(self, limit: int) -> None:
        rng = self.rng
        self.pause(600, 5_000)
        text = self.filler.prose.cut(rng, min(limit, 80 + int(rng.random() ** 2 * 2_000)))
        self._emit_message_event(text)
        self._bill(len(text) // 4, False)
        self.ms += 2
        self._emit_message(b"assistant", text)

    def _compact(self) -> None:
        """Left out: these threads are short; the context just starts anew."""
        self.context = 5_000
        self._cached = 0


_PATCHED = (
    b'{\\"output\\":\\"Success. Updated the following files:\\\\nM src/a.py\\\\n\\",'
    b'\\"metadata\\":{\\"exit_code\\":0,\\"duration_seconds\\":0.0}}'
)


def _usage(used: Usage) -> bytes:
    return _USAGE % (used[0], used[1], used[3], used[4], used[5])
