"""The texts of a rollout line: prompts, answers, reasoning, arguments and outputs of tools.

Belongs here: which fields of which lines hold such texts. Does not belong here: counting or
choosing among them: a text that several lines carry is given for each.

Not among them, since they are copies or no part of the conversation: instructions, the
history that a compaction keeps, images, what is encrypted, and messages of errors.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

import msgspec

from warehouse.sources.base import ISO_UTC, iso_us, us_iso

Fields = dict[str, Any]


class Text(NamedTuple):
    """One text, with what tells where it belongs."""

    carrier: str
    kind: str
    text: str
    role: str | None = None
    tool: str | None = None
    item: str | None = None


class Line(NamedTuple):
    """A line's time, as written, and its texts."""

    recorded_at: bytes | None
    texts: list[Text]


_decode = msgspec.json.Decoder().decode
_NOTHING = Line(None, [])


def texts_of(line: bytes) -> Line:
    """The texts of a line; none of one that cannot be read or is of an unknown kind."""
    try:
        envelope = _decode(line)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return _NOTHING
    if not isinstance(envelope, dict) or not isinstance(envelope.get("payload"), dict):
        return _NOTHING
    payload: Fields = envelope["payload"]
    found: Iterator[Text]
    match envelope.get("type"):
        case "response_item":
            found = _read(_RESPONSE_ITEMS, payload)
        case "event_msg" if payload.get("type") == "item_completed":
            item = payload.get("item")
            found = _read(_ITEMS, item) if isinstance(item, dict) else iter(())
        case "event_msg":
            found = _read(_EVENTS, payload)
        case "compacted":
            found = _texts("compacted", "summary", payload.get("message"))
        case "inter_agent_communication":
            found = _texts("event", "agent_message", payload.get("content"))
        case _:
            return _NOTHING
    return Line(_written_at(envelope.get("timestamp")), list(found))


def _read(readers: dict[str, Callable[[Fields], Iterator[Text]]], fields: Fields) -> Iterator[Text]:
    kind = fields.get("type")
    reader = readers.get(kind) if isinstance(kind, str) else None
    return iter(()) if reader is None else reader(fields)


def _written_at(value: object) -> bytes | None:
    if not isinstance(value, str):
        return None
    text = value.encode("utf-8", "replace")
    if ISO_UTC.match(text):
        return text
    us = iso_us(value)
    return None if us is None else us_iso(us)


# --- values -------------------------------------------------------------------------------------


def _strings(value: object) -> Iterator[str]:
    """A text, those of a list, or any other value as JSON; nothing for nothing.

    A part of a message (it has a type) that holds no text is an image or is encrypted.
    """
    if isinstance(value, str):
        if value:
            yield value
    elif isinstance(value, list):
        for part in value:
            yield from _strings(part)
    elif isinstance(value, dict) and isinstance(value.get("text"), str):
        yield from _strings(value["text"])
    elif isinstance(value, dict) and "type" in value and "text" not in value:
        return
    elif value is not None:
        yield msgspec.json.encode(value).decode()


def _json(value: object) -> str | None:
    """A text as it is, anything else as JSON."""
    if value is None or isinstance(value, str):
        return value
    return msgspec.json.encode(value).decode()


def _word(value: object) -> str | None:
    return value if isinstance(value, str) else None


def _texts(
    carrier: str,
    kind: str,
    value: object,
    role: str | None = None,
    tool: str | None = None,
    item: str | None = None,
) -> Iterator[Text]:
    for text in _strings(value):
        yield Text(carrier, kind, text, role, tool, item)


# --- readers: a function from a line's fields to its texts ---------------------------------------

Reader = Callable[[Fields], Iterator[Text]]


def _plain(carrier: str, kind: str, *names: str) -> Reader:
    """Texts of one kind, each in a field of its own."""

    def read(fields: Fields) -> Iterator[Text]:
        for name in names:
            yield from _texts(carrier, kind, fields.get(name), item=_word(fields.get("id")))

    return read


def _tool(
    carrier: str, tool: str | None, arguments: tuple[str, ...], outputs: tuple[str, ...]
) -> Reader:
    """A tool's call, its result, or both. `tool` is its name, or None if the line says it."""

    def read(fields: Fields) -> Iterator[Text]:
        name = tool or _word(fields.get("name")) or _word(fields.get("tool"))
        item = _word(fields.get("call_id")) or _word(fields.get("callId"))
        item = item or _word(fields.get("id"))
        for kind, columns in (("tool_arguments", arguments), ("tool_output", outputs)):
            for column in columns:
                value = fields.get(column)
                # argument lists are one text; outputs are texts, or parts with texts
                if kind == "tool_arguments":
                    value = _json(value)
                yield from _texts(carrier, kind, value, tool=name, item=item)

    return read


def _message(fields: Fields) -> Iterator[Text]:
    role = _word(fields.get("role"))
    kind = "answer" if role == "assistant" else "context"
    item = _word(fields.get("id"))
    return _texts("response_item", kind, fields.get("content"), role=role, item=item)


def _local_shell(fields: Fields) -> Iterator[Text]:
    action = fields.get("action")
    command = action.get("command") if isinstance(action, dict) else None
    item = _word(fields.get("call_id")) or _word(fields.get("id"))
    value = _json(command)
    return _texts("response_item", "tool_arguments", value, tool="local_shell", item=item)


def _mcp_end(fields: Fields) -> Iterator[Text]:
    invocation = fields.get("invocation")
    if not isinstance(invocation, dict):
        invocation = {}
    tool, item = _word(invocation.get("tool")), _word(fields.get("call_id"))
    arguments = _json(invocation.get("arguments"))
    yield from _texts("event", "tool_arguments", arguments, tool=tool, item=item)
    yield from _texts("event", "tool_output", _json(fields.get("result")), tool=tool, item=item)


def _goal(fields: Fields) -> Iterator[Text]:
    goal = fields.get("goal")
    return _texts("event", "objective", goal.get("objective") if isinstance(goal, dict) else None)


_COMMAND = (("command", "interaction_input"), ("aggregated_output",))
_COMMAND_END = (("command", "interaction_input"), ("aggregated_output", "stdout", "stderr"))
_PATCH = (("changes",), ("stdout", "stderr"))
_SEARCH = (("query", "action"), ("results",))
_AGENT_CALL = (("prompt",), ())

_RESPONSE_ITEMS: dict[str, Reader] = {
    "message": _message,
    "agent_message": _plain("response_item", "agent_message", "content"),
    "reasoning": _plain("response_item", "reasoning", "summary", "content"),
    "function_call": _tool("response_item", None, ("arguments",), ()),
    "function_call_output": _tool("response_item", None, (), ("output",)),
    "custom_tool_call": _tool("response_item", None, ("input",), ()),
    "custom_tool_call_output": _tool("response_item", None, (), ("output",)),
    "local_shell_call": _local_shell,
    "web_search_call": _tool("response_item", "web_search", ("action",), ()),
    "tool_search_call": _tool("response_item", "tool_search", ("arguments",), ()),
    "image_generation_call": _tool("response_item", "image_generation", ("revised_prompt",), ()),
}

_EVENTS: dict[str, Reader] = {
    "user_message": _plain("event", "prompt", "message"),
    "agent_message": _plain("event", "answer", "message"),
    "agent_reasoning": _plain("event", "reasoning", "text"),
    "agent_reasoning_raw_content": _plain("event", "reasoning", "text"),
    "exec_command_end": _tool("event", "exec_command", *_COMMAND_END),
    "patch_apply_end": _tool("event", "apply_patch", *_PATCH),
    "web_search_end": _tool("event", "web_search", *_SEARCH),
    "mcp_tool_call_end": _mcp_end,
    "dynamic_tool_call_request": _tool("event", None, ("arguments",), ()),
    "dynamic_tool_call_response": _tool("event", None, ("arguments",), ("content_items",)),
    "image_generation_end": _tool("event", "image_generation", ("revised_prompt",), ()),
    "collab_agent_spawn_end": _tool("event", "spawn_agent", *_AGENT_CALL),
    "collab_agent_interaction_end": _tool("event", "send_input", *_AGENT_CALL),
    "exited_review_mode": _plain("event", "answer", "review_output"),
    "thread_goal_updated": _goal,
}

_ITEMS: dict[str, Reader] = {
    "UserMessage": _plain("item", "prompt", "content"),
    "HookPrompt": _plain("item", "context", "fragments"),
    "AgentMessage": _plain("item", "answer", "content"),
    "Plan": _plain("item", "plan", "text"),
    "Reasoning": _plain("item", "reasoning", "summary_text", "raw_content"),
    "CommandExecution": _tool("item", "exec_command", *_COMMAND),
    "FileChange": _tool("item", "apply_patch", *_PATCH),
    "McpToolCall": _tool("item", None, ("arguments",), ("result", "error")),
    "DynamicToolCall": _tool("item", None, ("arguments",), ("content_items", "error")),
    "CollabAgentToolCall": _tool("item", None, *_AGENT_CALL),
    "WebSearch": _tool("item", "web_search", *_SEARCH),
    "ImageGeneration": _tool("item", "image_generation", ("revised_prompt",), ()),
    "ExitedReviewMode": _plain("item", "answer", "review_output"),
}
