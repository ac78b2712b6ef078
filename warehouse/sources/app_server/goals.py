"""Goals of threads, as messages tell them.

Belongs here: goal objects, and requests that set or clear one. Does not belong here: their
lifecycle (sql/session/thread_goals.sql).
"""

from __future__ import annotations

from warehouse.sources.app_server import shapes as s
from warehouse.sources.app_server.rows import At, Known, MessageRows, Named, Place
from warehouse.sources.base import epoch_us
from warehouse.sources.texts import ident, snake_word, text_chars


class GoalRows(MessageRows):
    """Rows of parsed_app_goals."""

    @property
    def known(self) -> Known:
        return {
            "thread/goal/updated": (s.GoalUpdated, self._updated),
            "thread/goal/cleared": (s.GoalRequest, self._request),
            "thread/goal/set": (s.GoalRequest, self._request),
            "thread/goal/clear": (s.GoalRequest, self._request),
        }

    def _updated(self, p: s.GoalUpdated, at: At) -> Named:
        goal = p.goal or s.Goal()
        thread_id = p.thread_id or goal.thread_id
        self.goal(goal, at.method, at.place, thread_id, p.turn_id)
        return Named(thread_id, p.turn_id)

    def _request(self, p: s.GoalRequest, at: At) -> Named:
        goal = s.Goal(status=p.status, token_budget=p.token_budget, objective=p.objective)
        self.goal(goal, at.method, at.place, p.thread_id)
        return Named(p.thread_id)

    def goal(
        self, g: s.Goal, event: str, place: Place, thread_id: str | None, turn_id: str | None = None
    ) -> None:
        """The row of a goal object."""
        self._add(
            "parsed_app_goals",
            place,
            {
                "event": event,
                "thread_id": ident(thread_id),
                "turn_id": ident(turn_id),
                "goal_status": snake_word(g.status),
                "token_budget": g.token_budget,
                "tokens_used": g.tokens_used,
                "seconds_used": g.time_used_seconds,
                "goal_created_at": epoch_us(g.created_at),
                "goal_updated_at": epoch_us(g.updated_at),
                "objective_chars": text_chars(g.objective),
            },
        )
