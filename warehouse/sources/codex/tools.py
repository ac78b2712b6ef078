"""Tool calls that the model made, and the outputs that it got.

Belongs here: the shapes of call and output response items in every version, and their rows.
Does not belong here: items and events that tell of the same work (work.py), pairing a call
with its output (sql/session/tool_calls.sql).
"""

from __future__ import annotations

import msgspec

from warehouse.privacy import Privacy
from warehouse.sources.base import Rows
from warehouse.sources.codex.messages import Item, utf8_size
from warehouse.sources.codex.patches import add_patch, count_patch
from warehouse.sources.codex.shapes import ABSENT, Label, Payload, Place, Raw, Shape, is_text
from warehouse.sources.codex.shell import (
    COMMAND_TOOLS,
    command_of_call,
    describe,
    json_bytes,
    outcome_of,
)

# --- calls ----------------------------------------------------------------------------------------


class FunctionCall(Item):
    name: Label | None = None
    namespace: Label | None = None
    arguments: str | None = None
    call_id: Label | None = None
    status: Label | None = None

    def add(self, kind: str, place: Place, rows: Rows, privacy: Privacy) -> None:
        number, offset, at, ordinal = place
        name = self.name
        arguments = self.arguments
        said = self.internal_chat_message_metadata_passthrough or self.metadata
        turn_id = None if said is None else said.turn_id
        word = digest = escalated = None
        if arguments is not None:
            if name in COMMAND_TOOLS:
                command = command_of_call(arguments, privacy)
                if command is not None:
                    text, word, digest, escalated = command
                    if word == "apply_patch":
                        self._add_patch(text, turn_id, place, rows)
            elif name == "apply_patch":
                self._add_patch(_patch_text(arguments), turn_id, place, rows)
        rows["parsed_tool_calls"].append(
            (
                number,
                offset,
                at,
                ordinal,
                turn_id,
                self.call_id,
                "function",
                self.namespace,
                name,
                self.status,
                None if arguments is None else utf8_size(arguments),
                word,
                digest,
                escalated,
                None,
                None,
                None,
            )
        )

    def _add_patch(self, text: str, turn_id: str | None, place: Place, rows: Rows) -> None:
        counts = count_patch(text)
        if counts is not None:
            add_patch(
                "response_item", turn_id, self.call_id, self.status, None, counts, place, rows
            )


class _PatchArguments(msgspec.Struct):
    input: str = ""
    patch: str = ""


def _patch_text(arguments: str) -> str:
    try:
        found = msgspec.json.decode(arguments, type=_PatchArguments)
    except (msgspec.MsgspecError, UnicodeEncodeError, RecursionError):
        return arguments
    return found.input or found.patch


class CustomToolCall(Item):
    name: Label | None = None
    namespace: Label | None = None
    input: str | None = None
    call_id: Label | None = None
    status: Label | None = None

    def add(self, kind: str, place: Place, rows: Rows, privacy: Privacy) -> None:
        text = self.input
        turn_id = self.turn_id
        if text is not None and self.name == "apply_patch":
            counts = count_patch(text)
            if counts is not None:
                add_patch(
                    "response_item", turn_id, self.call_id, self.status, None, counts, place, rows
                )
        _add_call(
            "custom",
            self.namespace,
            self.name,
            turn_id,
            self.call_id,
            self.status,
            None if text is None else utf8_size(text),
            place,
            rows,
        )


class ShellAction(Shape):
    type: Raw = ABSENT
    command: list[str] | None = None
    timeout_ms: Raw = ABSENT
    working_directory: Raw = ABSENT
    env: Raw = ABSENT
    user: Raw = ABSENT


class LocalShellCall(Item):
    call_id: Label | None = None
    status: Label | None = None
    action: ShellAction | None = None

    def add(self, kind: str, place: Place, rows: Rows, privacy: Privacy) -> None:
        command = self.action.command if self.action else None
        word = digest = None
        if command:
            text, word, digest = describe(command, privacy)
            if word == "apply_patch" and (counts := count_patch(text)) is not None:
                add_patch(
                    "response_item",
                    self.turn_id,
                    self.call_id or self.id,
                    self.status,
                    None,
                    counts,
                    place,
                    rows,
                )
        rows["parsed_tool_calls"].append(
            (
                *place,
                self.turn_id,
                self.call_id or self.id,
                "local_shell",
                None,
                "local_shell",
                self.status,
                sum(map(utf8_size, command)) if command else None,
                word,
                digest,
                False if command else None,
                None,
                None,
                None,
            )
        )


class WebAction(Shape):
    type: Label | None = None
    query: str | None = None
    queries: list[Raw] | None = None
    url: Raw = ABSENT
    pattern: Raw = ABSENT


_WEB_ACTIONS = {"openPage": "open_page", "findInPage": "find_in_page"}  # of extensions


def describe_search(action: WebAction | None) -> tuple[str | None, int | None, bool | None]:
    """(kind of action, number of queries, whether there is a query)."""
    if action is None:
        return None, None, None
    queries = len(action.queries or ()) or int(bool(action.query))
    kind = action.type
    return (
        None if kind is None else _WEB_ACTIONS.get(kind, kind),
        queries if kind == "search" else None,
        queries > 0,
    )


class WebSearchCall(Item):
    status: Label | None = None
    action: WebAction | None = None

    def add(self, kind: str, place: Place, rows: Rows, privacy: Privacy) -> None:
        rows["parsed_tool_calls"].append(
            (
                *place,
                self.turn_id,
                self.id,
                "web_search",
                None,
                "web_search",
                self.status,
                None,
                None,
                None,
                None,
                *describe_search(self.action),
            )
        )


class ToolSearchCall(Item):
    call_id: Label | None = None
    status: Label | None = None
    execution: Raw = ABSENT
    arguments: Raw = ABSENT

    def add(self, kind: str, place: Place, rows: Rows, privacy: Privacy) -> None:
        _add_call(
            "tool_search",
            None,
            "tool_search",
            self.turn_id,
            self.call_id,
            self.status,
            json_bytes(self.arguments),
            place,
            rows,
        )


class ImageGenerationCall(Item):
    """Call and result in one: the picture follows the prompt."""

    status: Label | None = None
    revised_prompt: Raw = ABSENT
    result: Raw = ABSENT

    def add(self, kind: str, place: Place, rows: Rows, privacy: Privacy) -> None:
        _add_call(
            "image_generation",
            None,
            "image_generation",
            self.turn_id,
            self.id,
            self.status,
            json_bytes(self.revised_prompt),
            place,
            rows,
        )


def _add_call(
    kind: str,
    namespace: str | None,
    name: str | None,
    turn_id: str | None,
    item_id: str | None,
    status: str | None,
    size: int | None,
    place: Place,
    rows: Rows,
) -> None:
    """A call without a command."""
    number, offset, at, ordinal = place
    rows["parsed_tool_calls"].append(
        (
            number,
            offset,
            at,
            ordinal,
            turn_id,
            item_id,
            kind,
            namespace,
            name,
            status,
            size,
            None,
            None,
            None,
            None,
            None,
            None,
        )
    )


# --- results --------------------------------------------------------------------------------------


class OutputPart(Shape, forbid_unknown_fields=False):
    text: Raw = ABSENT
    image_url: Raw = ABSENT


_parts = msgspec.json.Decoder(list[OutputPart]).decode


class ToolOutput(Item):
    """function_call_output and custom_tool_call_output.

    One without a call id answers no call: Codex itself put it there as context.
    """

    call_id: Label | None = None
    output: Raw = ABSENT
    name: Label | None = None
    namespace: Label | None = None
    status: Label | None = None
    success: Raw = ABSENT

    def add(self, kind: str, place: Place, rows: Rows, privacy: Privacy) -> None:
        number, offset, at, ordinal = place
        said = self.internal_chat_message_metadata_passthrough or self.metadata
        output = bytes(self.output)
        parts = images = None
        if output.startswith(b"["):
            found = _parts(output)
            parts = len(found)
            images = sum(part.image_url != ABSENT for part in found)
            texts = [bytes(part.text) for part in found if is_text(part.text)]
            size: int | None = sum(len(text) - 2 for text in texts)
            output = texts[0] if texts else b""
        else:
            size = json_bytes(self.output)
        outcome, exit_code, duration, tokens, lines = outcome_of(output)
        rows["parsed_tool_results"].append(
            (
                number,
                offset,
                at,
                ordinal,
                None if said is None else said.turn_id,
                self.call_id,
                "function" if kind == "function_call_output" else "custom",
                self.namespace,
                self.name,
                self.status,
                size,
                parts,
                images,
                outcome,
                exit_code,
                duration,
                tokens,
                lines,
            )
        )


class ToolSearchOutput(Item):
    call_id: Label | None = None
    status: Label | None = None
    execution: Raw = ABSENT
    tools: list[Raw] | None = None

    def add(self, kind: str, place: Place, rows: Rows, privacy: Privacy) -> None:
        rows["parsed_tool_results"].append(
            (
                *place,
                self.turn_id,
                self.call_id,
                "tool_search",
                None,
                "tool_search",
                self.status,
                sum(map(len, map(bytes, self.tools or ()))),
                len(self.tools or ()),
                0,
                None,
                None,
                None,
                None,
                None,
            )
        )


ITEMS: dict[str, type[Payload]] = {
    "function_call": FunctionCall,
    "custom_tool_call": CustomToolCall,
    "local_shell_call": LocalShellCall,
    "web_search_call": WebSearchCall,
    "tool_search_call": ToolSearchCall,
    "image_generation_call": ImageGenerationCall,
    "function_call_output": ToolOutput,
    "custom_tool_call_output": ToolOutput,
    "tool_search_output": ToolSearchOutput,
}
