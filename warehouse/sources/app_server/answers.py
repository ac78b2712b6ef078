"""Answers to requests: which request they answer is told by what they hold.

Belongs here: telling answers apart by their form. Does not belong here: the rows of what they
hold (the modules beside this one), and pairing by id (sql/session/app_requests.sql).
"""

from __future__ import annotations

import msgspec

from warehouse.sources.app_server import shapes as s
from warehouse.sources.app_server.approvals import ApprovalRows
from warehouse.sources.app_server.connections import ConnectionRows
from warehouse.sources.app_server.goals import GoalRows
from warehouse.sources.app_server.rows import Named, Place
from warehouse.sources.app_server.threads import ThreadRows
from warehouse.sources.app_server.turns import TurnRows
from warehouse.sources.app_server.usage import UsageRows
from warehouse.sources.texts import ident, is_null


class AnswerRows:
    """Rows of answers, made by the functions for what they hold."""

    def __init__(
        self,
        connections: ConnectionRows,
        threads: ThreadRows,
        turns: TurnRows,
        usage: UsageRows,
        goals: GoalRows,
        approvals: ApprovalRows,
    ) -> None:
        self._connections = connections
        self._threads = threads
        self._turns = turns
        self._usage = usage
        self._goals = goals
        self._approvals = approvals
        self._thread_objects = msgspec.json.Decoder(list[s.Thread]).decode
        self._turn_objects = msgspec.json.Decoder(list[s.Turn]).decode

    def answer(self, a: s.Answer, place: Place, request_id: str | None) -> tuple[str, Named]:
        """Rows of an answer, by what it holds; gives what that is, and the ids it names."""
        if a.user_agent is not None:
            self._connections.runtime(a, place)
            return "initialize", Named()
        if a.thread is not None:
            is_opened = a.model is not None or not is_null(a.approval_policy)
            self._threads.thread(a.thread, "answer", place, opened=a if is_opened else None)
            return "thread", Named(a.thread.id)
        if a.turn is not None:
            self._turns.turn(
                a.turn, "answer", a.thread_id, place, review_thread_id=a.review_thread_id
            )
            return "turn", Named(a.thread_id, a.turn.id)
        if a.goal is not msgspec.UNSET:
            goal = a.goal if isinstance(a.goal, s.Goal) else s.Goal()
            self._goals.goal(goal, "answer", place, goal.thread_id)
            return "goal", Named(goal.thread_id)
        if a.cleared is not None:
            return "goal_cleared", Named()
        if a.rate_limits is not None or a.rate_limits_by_limit_id:
            families = a.rate_limits_by_limit_id or {"": a.rate_limits or s.RateLimits()}
            for position, (limit_id, limits) in enumerate(families.items()):
                self._usage.rate_limits(limits, ident(limit_id or None), "answer", place, position)
            return "rate_limits", Named()
        if self._approvals.answer(a, place, request_id):
            return "decision", Named()
        if a.data is not None:
            try:
                return self._listed(a.data, place)
            except msgspec.ValidationError:
                return "list", Named()  # of something that only looks like threads or turns
        if a.turn_id is not None:
            return "turn_id", Named(a.thread_id, a.turn_id)
        return "other", Named(a.thread_id)

    def _listed(self, data: list[msgspec.Raw], place: Place) -> tuple[str, Named]:
        """Threads of thread/list and turns of thread/turns/list; other lists are left."""
        first = bytes(data[0]) if data else b""
        whole = b"[%b]" % b",".join(map(bytes, data))
        if b'"cliVersion"' in first:
            turns = 0
            for position, thread in enumerate(self._thread_objects(whole)):
                turns += self._threads.thread(thread, "listed", place, position, turns_before=turns)
            return "threads", Named()
        if b'"itemsView"' in first:
            for position, turn in enumerate(self._turn_objects(whole)):
                self._turns.turn(turn, "listed", None, place, position)
            return "turns", Named()
        return "list", Named()
