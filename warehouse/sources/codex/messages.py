"""Messages and reasoning, whichever line carries them, by their size.

Belongs here: the shapes of user, assistant, developer and agent messages and of reasoning,
as events, items and response items, and their rows; telling a prompt from injected context.
Does not belong here: which of several carriers of one message counts (sql/session).
"""

from __future__ import annotations

import re
from collections.abc import Sequence

import msgspec

from warehouse.privacy import Privacy
from warehouse.sources.base import Rows
from warehouse.sources.codex.shapes import (
    ABSENT,
    MAX_LABEL,
    Label,
    Payload,
    Place,
    Raw,
    Shape,
    Unit,
    is_text,
)

# --- telling prompts from context ---------------------------------------------------------------

# What CLIs since 2026-07 call the parts of a user's message that Codex itself wrote.
_KINDS = {
    "environments.environment_context": "environment_context",
    "generic.turn_aborted": "turn_aborted",
    "goal.internal_context": "goal_context",
    "user.goal": "goal_context",
    "shell.user_command": "user_shell_command",
    "multi_agent.subagent_notification": "subagent_notification",
}
_TAGS = {"codex_internal_context": "goal_context", "INSTRUCTIONS": "user_instructions"}

# What all versions wrap around them.
_INJECTED = re.compile(
    r"\s*(?:<(environment_context|environments_instructions|user_instructions|INSTRUCTIONS"
    r"|turn_aborted|skill|user_shell_command|subagent_notification|hook_prompt|goal_context"
    r"|codex_internal_context|internal_model_context|recommended_plugins|additional_context"
    r"|apps_instructions|plugins_instructions|skills_instructions|tools|personality_spec"
    r"|context_window|context_window_guidance|token_budget|rollout_budget|permissions"
    r"|collaboration_mode|multi_agent_mode|model_switch|user_action|external_\w{1,40})[\s>]"
    r"|(\# AGENTS\.md instructions)|(Another language model started to solve this problem)"
    r"|(Warning: apply_patch was requested via))",
    re.IGNORECASE,
)

_IDE_CONTEXT = "# Context from my IDE setup:"
_IDE_REQUEST = "## My request for Codex:"


def context_kind(texts: Sequence[str], said: Passthrough | None) -> str | None:
    """What kind of context Codex put into a user's message; None if the user wrote any of it.

    The line itself may name the kinds of its parts. Where it does not (or says `unknown`),
    every text must begin as context does.
    """
    found: str | None = None
    for kind in _kinds(said):
        if kind == "unknown":
            found = None
            break
        if kind.startswith("user.") and kind not in _KINDS:
            return None
        found = found or _KINDS.get(kind, kind[:MAX_LABEL])
    if found is not None:
        return found
    for text in texts:
        match = _INJECTED.match(text)
        if match is None:
            return None
        tag, instructions, summary, _ = match.groups()
        name = (
            (_TAGS.get(tag) or tag.lower())
            if tag
            else "user_instructions"
            if instructions
            else "compaction_summary"
            if summary
            else "warning"
        )
        found = found or name
    return found


def _kinds(said: Passthrough | None) -> list[str]:
    if said is None or said.content_item_kinds is ABSENT:
        return []
    return _strings(bytes(said.content_item_kinds)) or []


_strings = msgspec.json.Decoder(list[str] | None).decode


def ide_context_chars(text: str) -> int | None:
    """How much of a prompt an editor put before what the user typed."""
    if not text.startswith(_IDE_CONTEXT):
        return None
    position = text.find(_IDE_REQUEST)
    return len(text) if position < 0 else position + len(_IDE_REQUEST)


# --- images ---------------------------------------------------------------------------------------

_DATA_URL = re.compile(rb'"data:image/(\w{1,10})')
_EXTENSION = re.compile(rb"\.(\w{1,5})(?:[?#][^\"]*)?\"\Z")
_IMAGE_TYPES = {
    b"png": "png",
    b"jpg": "jpg",
    b"jpeg": "jpg",
    b"gif": "gif",
    b"webp": "webp",
    b"bmp": "bmp",
    b"svg": "svg",
    b"tif": "tiff",
    b"tiff": "tiff",
    b"heic": "heic",
    b"avif": "avif",
}


def image_type(address: Raw) -> str | None:
    """Kind of an image by its data URL, or the end of its path; None if there is neither."""
    written = bytes(address)
    if not written.startswith(b'"'):
        return None
    found = _DATA_URL.match(written) or _EXTENSION.search(written[-40:])
    return _IMAGE_TYPES.get(found.group(1).lower(), "other") if found else "other"


# --- response items -------------------------------------------------------------------------------


class Passthrough(Shape):
    turn_id: Label | None = None
    create_time: Raw = ABSENT
    content_item_kinds: Raw = ABSENT
    content_item_metadata: Raw = ABSENT


class Item(Payload):
    """Base of response items: the id, and the turn that later versions name."""

    id: Label | None = None
    internal_chat_message_metadata_passthrough: Passthrough | None = None
    metadata: Passthrough | None = None  # its name for a week of 2026-06

    @property
    def turn_id(self) -> str | None:
        said = self.internal_chat_message_metadata_passthrough or self.metadata
        return None if said is None else said.turn_id


class Part(Shape):
    type: Raw = ABSENT
    text: str | None = None
    image_url: Raw = ABSENT
    detail: Raw = ABSENT
    annotations: Raw = ABSENT
    logprobs: Raw = ABSENT
    refusal: Raw = ABSENT
    audio_url: Raw = ABSENT
    encrypted_content: Raw = ABSENT
    file_id: Raw = ABSENT
    filename: Raw = ABSENT
    file_data: Raw = ABSENT


class Message(Item):
    role: Label | None = None
    content: list[Part] | str | None = None
    phase: Label | None = None
    status: Raw = ABSENT
    end_turn: Raw = ABSENT

    def add(self, kind: str, place: Place, rows: Rows, privacy: Privacy) -> None:
        number, offset, at, ordinal = place
        content = self.content
        if isinstance(content, str):
            content = [Part(text=content)]
        elif content is None:
            content = []
        chars: int | None = None
        size = 0
        texts = [part.text for part in content if part.text is not None]
        for text in texts:
            length = len(text)
            chars = length if chars is None else chars + length
            size += length if text.isascii() else utf8_size(text)
        said = self.internal_chat_message_metadata_passthrough or self.metadata
        turn_id = None if said is None else said.turn_id
        role = self.role or "unknown"
        is_user = role == "user"
        rows["parsed_messages"].append(
            (
                number,
                offset,
                at,
                ordinal,
                "response_item",
                role,
                turn_id,
                self.id,
                self.phase,
                context_kind(texts, said) if is_user else None,
                chars,
                None if chars is None else size,
                ide_context_chars(texts[0]) if is_user and texts else None,
                len(content),
            )
        )
        if len(texts) < len(content):
            images = [part.image_url for part in content if is_given(part.image_url)]
            audio = sum(is_given(part.audio_url) for part in content)
            who = ("response_item", role, turn_id, self.id)
            add_attachments(who, images, [], audio, 0, place, rows)


class AgentMessageItem(Item):
    """A message between agents (2026-06-05 on); its text is often encrypted."""

    author: Label | None = None
    recipient: Label | None = None
    content: list[Part] | None = None

    def add(self, kind: str, place: Place, rows: Rows, privacy: Privacy) -> None:
        parts = self.content or []
        _add_agents_message(
            (self.turn_id, self.id, self.author, self.recipient),
            [part.text for part in parts if part.text is not None],
            [part.encrypted_content for part in parts if is_given(part.encrypted_content)],
            len(parts),
            place,
            rows,
        )


class InterAgentCommunication(Payload):
    """The same as a line of its own kind (2026-06-12 to 06-24)."""

    id: Label | None = None
    author: Label | None = None
    recipient: Label | None = None
    other_recipients: Raw = ABSENT
    content: str | None = None
    encrypted_content: Raw = ABSENT
    internal_chat_message_metadata_passthrough: Passthrough | None = None
    trigger_turn: Raw = ABSENT

    def add(self, kind: str, place: Place, rows: Rows, privacy: Privacy) -> None:
        said = self.internal_chat_message_metadata_passthrough
        turn_id = None if said is None else said.turn_id
        _add_agents_message(
            (turn_id, self.id, self.author, self.recipient),
            [] if self.content is None else [self.content],
            [self.encrypted_content] if is_given(self.encrypted_content) else [],
            1,
            place,
            rows,
        )


def _add_agents_message(
    who: tuple[str | None, str | None, str | None, str | None],
    texts: list[str],
    sealed: list[Raw],
    parts: int,
    place: Place,
    rows: Rows,
) -> None:
    rows["parsed_agent_messages"].append(
        (
            *place,
            *who,
            sum(map(len, texts)) if texts else None,
            sum(map(utf8_size, texts)) if texts else None,
            sum(filter(None, map(sealed_bytes, sealed))) if sealed else None,
            parts,
        )
    )


class SummaryPart(Shape):
    type: Raw = ABSENT
    text: str | None = None


class Reasoning(Item):
    summary: list[SummaryPart] | None = None
    content: list[SummaryPart] | None = None
    encrypted_content: Raw = ABSENT
    status: Raw = ABSENT
    duration_ms: Raw = ABSENT  # the TypeScript CLI's

    def add(self, kind: str, place: Place, rows: Rows, privacy: Privacy) -> None:
        number, offset, at, ordinal = place
        summary = self.summary
        content = self.content
        said = self.internal_chat_message_metadata_passthrough or self.metadata
        rows["parsed_reasoning"].append(
            (
                number,
                offset,
                at,
                ordinal,
                None if said is None else said.turn_id,
                self.id,
                len(summary) if summary else 0,
                sum([len(part.text or "") for part in summary]) if summary else None,
                len(content) if content else 0,
                sum([len(part.text or "") for part in content]) if content else None,
                None if self.encrypted_content is ABSENT else sealed_bytes(self.encrypted_content),
            )
        )


# --- events ---------------------------------------------------------------------------------------


class UserMessageEvent(Payload):
    message: str | None = None
    kind: Label | None = None
    images: list[Raw] | None = None
    local_images: list[Raw] | None = None
    audio: list[Raw] | None = None
    local_audio: list[Raw] | None = None
    client_id: Raw = ABSENT
    image_details: Raw = ABSENT
    local_image_details: Raw = ABSENT
    text_elements: Raw = ABSENT
    image_order: Raw = ABSENT

    def add(self, kind: str, place: Place, rows: Rows, privacy: Privacy) -> None:
        number, offset, at, ordinal = place
        text = self.message
        images = self.images or []
        local = self.local_images or []
        audio = len(self.audio or ()) + len(self.local_audio or ())
        rows["parsed_messages"].append(
            (
                number,
                offset,
                at,
                ordinal,
                "event",
                "user",
                None,
                None,
                None,
                None if self.kind == "plain" else self.kind,
                None if text is None else len(text),
                None if text is None else utf8_size(text),
                None if text is None else ide_context_chars(text),
                (text is not None) + len(images) + len(local) + audio,
            )
        )
        if images or local or audio:
            who = ("event", "user", None, None)
            add_attachments(who, images, local, audio, 0, place, rows)


class AgentMessageEvent(Payload):
    message: str | None = None
    phase: Label | None = None
    memory_citation: Raw = ABSENT

    def add(self, kind: str, place: Place, rows: Rows, privacy: Privacy) -> None:
        number, offset, at, ordinal = place
        text = self.message
        rows["parsed_messages"].append(
            (
                number,
                offset,
                at,
                ordinal,
                "event",
                "assistant",
                None,
                None,
                self.phase,
                None,
                None if text is None else len(text),
                None if text is None else utf8_size(text),
                None,
                1,
            )
        )


class ReasoningEvent(Unit):
    """One part of a summary or of the reasoning itself, as the response item has it."""

    text: Raw = ABSENT


# --- item_completed -------------------------------------------------------------------------------


class InputPart(Shape):
    """A part of what the user sent: text, image, sound, or a link to a skill, file or app."""

    type: Label | None = None
    text: str | None = None
    text_elements: Raw = ABSENT
    image_url: Raw = ABSENT
    detail: Raw = ABSENT
    path: Raw = ABSENT
    audio_url: Raw = ABSENT
    name: Raw = ABSENT


def add_user_message(
    content: list[InputPart] | None,
    turn_id: str | None,
    item_id: str | None,
    place: Place,
    rows: Rows,
) -> None:
    number, offset, at, ordinal = place
    chars: int | None = None
    size = audio = mentions = 0
    ide = None
    images = []
    local = []
    for part in content or ():
        text = part.text
        if text is not None:
            if chars is None:
                ide = ide_context_chars(text)
                chars = 0
            chars += len(text)
            size += utf8_size(text)
        elif part.type == "image":
            images.append(part.image_url)
        elif part.type == "local_image":
            local.append(part.path)
        elif part.type in ("audio", "local_audio"):
            audio += 1
        else:
            mentions += 1
    rows["parsed_messages"].append(
        (
            number,
            offset,
            at,
            ordinal,
            "item",
            "user",
            turn_id,
            item_id,
            None,
            None,
            chars,
            None if chars is None else size,
            ide,
            len(content or ()),
        )
    )
    if images or local or audio or mentions:
        who = ("item", "user", turn_id, item_id)
        add_attachments(who, images, local, audio, mentions, place, rows)


class Fragment(Shape):
    text: str | None = None
    hook_run_id: Raw = msgspec.field(default=ABSENT, name="hookRunId")


def add_item_message(
    role: str,
    phase: str | None,
    kind: str | None,
    texts: Sequence[str],
    turn_id: str | None,
    item_id: str | None,
    place: Place,
    rows: Rows,
) -> None:
    """A message of an item_completed that consists of texts only."""
    number, offset, at, ordinal = place
    rows["parsed_messages"].append(
        (
            number,
            offset,
            at,
            ordinal,
            "item",
            role,
            turn_id,
            item_id,
            phase,
            kind,
            sum(map(len, texts)) if texts else None,
            sum(map(utf8_size, texts)) if texts else None,
            None,
            len(texts),
        )
    )


def add_attachments(
    who: tuple[str, str, str | None, str | None],
    images: list[Raw],
    local: list[Raw],
    audio: int,
    mentions: int,
    place: Place,
    rows: Rows,
) -> None:
    """What a message holds beside text; `who` is its carrier, role, turn and item."""
    rows["parsed_attachments"].append(
        (
            *place,
            *who,
            len(images),
            len(local),
            sorted({kind for kind in map(image_type, (*images, *local)) if kind}) or None,
            audio,
            mentions,
        )
    )


def utf8_size(text: str) -> int:
    """Size of a text in UTF-8."""
    return len(text) if text.isascii() else len(text.encode("utf-8", "surrogatepass"))


def sealed_bytes(raw: Raw) -> int | None:
    """Size of an encrypted text as written, which needs no escapes."""
    return len(raw) - 2 if is_text(raw) else None


def is_given(raw: Raw) -> bool:
    """Whether a field is there and not null."""
    return raw != ABSENT


EVENTS: dict[str, type[Payload]] = {
    "user_message": UserMessageEvent,
    "agent_message": AgentMessageEvent,
    "agent_reasoning": ReasoningEvent,
    "agent_reasoning_raw_content": ReasoningEvent,
}
ITEMS: dict[str, type[Payload]] = {
    "message": Message,
    "agent_message": AgentMessageItem,
    "reasoning": Reasoning,
}
LINES: dict[str, type[Payload]] = {"inter_agent_communication": InterAgentCommunication}
