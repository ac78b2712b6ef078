"""The entry point of Dagster's code location: `dagster dev -m pipelines.definitions`.

Belongs here: joining assets, job, schedule and resources. Does not belong here: any of them.
"""

from __future__ import annotations

from collections.abc import Sequence

import dagster as dg

from pipelines.assets import all_assets
from pipelines.resources import BUILD, build_resource
from pipelines.schedules import nightly, nightly_schedule
from warehouse import resources
from warehouse.models import Model, load_models
from warehouse.settings import load_settings


def make_definitions(models: Sequence[Model], timezone: str) -> dg.Definitions:
    """All that Dagster knows, for these models and this timezone."""
    return dg.Definitions(
        assets=all_assets(models),
        jobs=[nightly],
        schedules=[nightly_schedule(timezone)],
        resources={BUILD: build_resource},
        executor=dg.in_process_executor,  # a process a step costs seconds and shares no Build
    )


@dg.definitions
def defs() -> dg.Definitions:
    """What the UI and the daemon load; settings come from the environment and the file."""
    return make_definitions(load_models(resources.sql_folder()), load_settings().timezone)
