"""Version 1: events of the core, sent as they are below `codex/event/<type>`.

Belongs here: the few of them that tell of turns and items. Does not belong here: all others
(messages.py keeps them by type). Where version 2 tells the same turn or item, the models take
it for the same.
"""

from __future__ import annotations

from warehouse.privacy import Privacy
from warehouse.sources.app_server import shapes as s
from warehouse.sources.app_server.rows import MessageRows, Named, Place
from warehouse.sources.app_server.turns import TurnRows
from warehouse.sources.named_rows import NamedRows
from warehouse.sources.texts import ident, is_null, text_bytes, word, word_of_command

_TURNS = {
    "task_started": ("turn/started", "inProgress"),
    "turn_started": ("turn/started", "inProgress"),
    "task_complete": ("turn/completed", "completed"),
    "turn_complete": ("turn/completed", "completed"),
    "turn_aborted": ("turn/completed", "interrupted"),
}
_ITEMS = {
    "exec_command_begin": ("commandExecution", "started"),
    "exec_command_end": ("commandExecution", "completed"),
    "patch_apply_begin": ("fileChange", "started"),
    "patch_apply_end": ("fileChange", "completed"),
    "mcp_tool_call_begin": ("mcpToolCall", "started"),
    "mcp_tool_call_end": ("mcpToolCall", "completed"),
    "web_search_begin": ("webSearch", "started"),
    "web_search_end": ("webSearch", "completed"),
}


class CoreEventRows(MessageRows):
    """Rows of parsed_app_turns and parsed_app_items."""

    def __init__(self, privacy: Privacy, rows: NamedRows, turns: TurnRows) -> None:
        super().__init__(privacy, rows)
        self._turns = turns

    def event(self, p: s.EventNotice, event: str, place: Place) -> Named:
        """Rows of a core event, if it has any, and the ids that it names."""
        msg = p.msg or s.Event()
        thread_id = p.conversation_id or msg.thread_id
        turn_id = msg.turn_id or (str(p.id) if p.id is not None else None)
        item_id = msg.item_id or msg.call_id
        if event in _TURNS:
            name, status = _TURNS[event]
            self._turns.turn(s.Turn(turn_id, status=status), name, thread_id, place)
        elif event in _ITEMS and item_id is not None:
            item_type, name = _ITEMS[event]
            self._item(msg, item_type, name, (thread_id, turn_id, item_id), place)
        text = next((t for t in (msg.delta, msg.chunk, msg.unified_diff) if not is_null(t)), None)
        return Named(
            thread_id, turn_id, item_id, text_bytes=None if text is None else text_bytes(text)
        )

    def _item(
        self,
        msg: s.Event,
        item_type: str,
        event: str,
        ids: tuple[str | None, str | None, str],
        place: Place,
    ) -> None:
        failed = msg.success is False or (msg.exit_code or 0) != 0
        status = "inProgress" if event == "started" else "failed" if failed else "completed"
        duration, call = msg.duration, msg.invocation or s.Invocation()
        self._add(
            "parsed_app_items",
            place,
            {
                "event": event,
                "thread_id": ident(ids[0]),
                "turn_id": ident(ids[1]),
                "item_id": ident(ids[2]),
                "item_type": item_type,
                "item_status": status,
                "duration_ms": duration and duration.secs * 1000 + duration.nanos // 1_000_000,
                "output_bytes": text_bytes(msg.aggregated_output),
                "exit_code": msg.exit_code,
                "command_word": word_of_command(msg.command),
                "command_source": word(msg.source) if item_type == "commandExecution" else None,
                "tool_server": call.server,
                "tool_name": call.tool,
            },
        )
