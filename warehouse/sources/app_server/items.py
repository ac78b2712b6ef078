"""Items of turns: messages, commands, file changes, tool calls, hooks, by their sizes.

Belongs here: what the start or end of an item says. Does not belong here: its deltas
(messages.py counts them), and putting start and end together (sql/session/app_items.sql).
"""

from __future__ import annotations

from warehouse.sources.app_server import shapes as s
from warehouse.sources.app_server.parts import is_image, part_bytes
from warehouse.sources.app_server.rows import At, Known, MessageRows, Named
from warehouse.sources.base import epoch_ms_us, epoch_us
from warehouse.sources.texts import ident, is_null, text_bytes, word, word_of_command


class ItemRows(MessageRows):
    """Rows of parsed_app_items."""

    @property
    def known(self) -> Known:
        return {
            "item/started": (s.ItemNotice, self._item),
            "item/completed": (s.ItemNotice, self._item),
            "hook/started": (s.HookNotice, self._hook),
            "hook/completed": (s.HookNotice, self._hook),
        }

    def _item(self, p: s.ItemNotice, at: At) -> Named:
        item = p.item or s.Item()
        size = _text_of_item(item)
        self._add(
            "parsed_app_items",
            at.place,
            {
                "event": "started" if at.method == "item/started" else "completed",
                "thread_id": ident(p.thread_id),
                "turn_id": ident(p.turn_id),
                "item_id": ident(item.id),
                "item_type": word(item.type),
                "item_status": word(item.status),
                "started_at": epoch_ms_us(_first(p.started_at_ms, item.started_at_ms)),
                "completed_at": epoch_ms_us(_first(p.completed_at_ms, item.completed_at_ms)),
                "duration_ms": item.duration_ms,
                "text_bytes": size,
                "output_bytes": _output_of_item(item),
                "exit_code": item.exit_code,
                "phase": word(item.phase),
                "is_success": item.success,
                "model": item.model,
                "effort": item.reasoning_effort,
            },
            _details(item),
        )
        return Named(p.thread_id, p.turn_id, item.id, text_bytes=size)

    def _hook(self, p: s.HookNotice, at: At) -> Named:
        run = p.run or s.HookRun()
        self._add(
            "parsed_app_items",
            at.place,
            {
                "event": "started" if at.method == "hook/started" else "completed",
                "thread_id": ident(p.thread_id),
                "turn_id": ident(p.turn_id),
                "item_id": ident(run.id),
                "item_type": "hook",
                "item_status": word(run.status),
                "started_at": _epoch_us_or_ms(run.started_at),
                "completed_at": _epoch_us_or_ms(run.completed_at),
                "duration_ms": run.duration_ms,
                "tool_name": word(run.event_name),
            },
        )
        return Named(p.thread_id, p.turn_id, run.id)


def _first(one: float | None, other: float | None) -> float | None:
    return other if one is None else one


def _epoch_us_or_ms(value: float | None) -> int | None:
    """Hook runs give seconds or milliseconds, by version."""
    return epoch_ms_us(value) if value is not None and value >= 1e11 else epoch_us(value)


def _text_of_item(item: s.Item) -> int | None:
    """Size of what an item says; tools say nothing, their output is counted apart."""
    if item.type in ("userMessage", "hookPrompt"):
        return sum(part_bytes(part) for part in item.content or item.fragments or ())
    if item.type == "reasoning":
        said = sum(part_bytes(part) for part in item.content or ())
        return said + sum(text_bytes(text) or 0 for text in item.summary or ())
    if not is_null(item.review):
        return text_bytes(item.review)
    return text_bytes(item.text)


def _output_of_item(item: s.Item) -> int | None:
    if item.result is not None:
        return item.result.bytes or sum(part_bytes(part) for part in item.result.content or ())
    if item.content_items is not None:
        return sum(part_bytes(part) for part in item.content_items)
    return text_bytes(item.aggregated_output)


def _details(item: s.Item) -> dict[str, object]:
    """The columns that only some types of items have."""
    match item.type:
        case "commandExecution":
            kinds = [action.type for action in item.command_actions or ()]
            named = {
                "read": "read_actions",
                "listFiles": "list_actions",
                "search": "search_actions",
            }
            counts = {column: kinds.count(kind) for kind, column in named.items()}
            return {
                "command_word": word_of_command(item.command),
                "command_source": word(item.source),
                **counts,
                "other_actions": len(kinds) - sum(counts.values()),
            }
        case "fileChange":
            return _file_changes(item.changes or [])
        case "mcpToolCall" | "dynamicToolCall":
            return {
                "tool_server": item.server,
                "tool_namespace": item.namespace,
                "tool_name": item.tool,
            }
        case "collabAgentToolCall":
            threads = [ident(thread) for thread in item.receiver_thread_ids or ()]
            return {"tool_name": word(item.tool), "agent_thread_ids": threads}
        case "subAgentActivity":
            threads = [ident(item.agent_thread_id)] if item.agent_thread_id else []
            return {"activity_kind": word(item.kind), "agent_thread_ids": threads}
        case "webSearch":
            action = item.action or s.Action()
            queries = action.queries
            if queries is None:
                queries = [] if is_null(action.query) else [action.query]
            return {
                "web_action": word(action.type),
                "web_queries": len(queries) if action.type == "search" else None,
                "has_query": bool(text_bytes(item.query)),
            }
        case "userMessage":
            parts = [part for part in item.content or () if isinstance(part, s.Part)]
            return {"input_parts": len(parts), "input_images": sum(map(is_image, parts))}
    return {}


def _file_changes(changes: list[s.Change]) -> dict[str, object]:
    kinds = [change.kind or s.ChangeKind() for change in changes]
    moved = [kind for kind in kinds if not is_null(kind.move_path)]
    return {
        "files_added": sum(kind.type == "add" for kind in kinds),
        "files_updated": sum(kind.type == "update" for kind in kinds) - len(moved),
        "files_deleted": sum(kind.type == "delete" for kind in kinds),
        "files_moved": len(moved),
    }
