"""Dagster's own start, as every build that has something to do pays it.

Belongs here: importing it, making the definitions of all assets (from the models' headers),
opening the instance that records runs. Does not belong here: a run, and any stage of ours.

    python -m bench.dagster_start HOME
"""

from __future__ import annotations

import gc
import os
import sys
from pathlib import Path


def main(home: Path) -> None:
    gc.disable()  # as builds do
    from pipelines.definitions import make_definitions
    from pipelines.instance import open_instance
    from pipelines.schedules import nightly
    from warehouse import resources
    from warehouse.models import load_models
    from warehouse.settings import Settings

    settings = Settings(home=home, timezone="UTC")
    definitions = make_definitions(load_models(resources.sql_folder()), settings.timezone)
    definitions.resolve_job_def(nightly.name)
    with open_instance(settings):
        pass
    os._exit(0)  # as builds do


if __name__ == "__main__":
    main(Path(sys.argv[1]))
