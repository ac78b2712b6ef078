"""When builds run by themselves: the job `nightly` and its schedule.

Belongs here: job and schedule. Does not belong here: what the job runs (assets/).
"""

from __future__ import annotations

import dagster as dg

from warehouse.build import Build
from warehouse.lake import LakeLockedError
from warehouse.settings import load_settings

HALF_PAST_TWO = "30 2 * * *"

# All layers and the published file. `rollhouse build` runs this very job.
nightly = dg.define_asset_job(
    "nightly",
    selection=dg.AssetSelection.all(),
    description="Read what changed, run all models, check, publish.",
)


def nightly_schedule(timezone: str) -> dg.ScheduleDefinition:
    """Every night at 02:30 in the user's timezone, unless there is nothing to do.

    It is on from the start: it acts only while `rollhouse ui` runs and costs nothing when
    nothing changed, while a schedule that waits to be switched on is taken for one that works.
    """

    @dg.schedule(
        job=nightly,
        cron_schedule=HALF_PAST_TWO,
        execution_timezone=timezone,
        default_status=dg.DefaultScheduleStatus.RUNNING,
        description=f"At 02:30 ({timezone}), if sources or models changed since the last build.",
    )
    def nightly_build() -> dg.RunRequest | dg.SkipReason:
        reason = why_not_now()
        return dg.RunRequest() if reason is None else dg.SkipReason(reason)

    return nightly_build


def why_not_now() -> str | None:
    """Why a build would be of no use now, or None where it would."""
    try:
        with Build(load_settings()) as build:
            if not build.is_up_to_date():
                return None
            build.note_unchanged()
            return f"nothing changed in {build.plan.files} files since the last build"
    except LakeLockedError as error:
        return str(error)
