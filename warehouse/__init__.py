"""Rollhouse's workings: sources, contracts, lake, models, publishing, command line.

Belongs here: everything that reads, stores or computes. Does not belong here: Dagster
(that is `pipelines`, which calls this package) and what a number means (that is `sql/`).
"""

__version__ = "0.1.0"
