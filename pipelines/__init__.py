"""What runs when: the Dagster side of Rollhouse.

Belongs here: assets, checks, the job, its schedule, and the instance that records runs. Does
not belong here: how anything works (warehouse/, which knows no Dagster) or what the numbers
mean (sql/). Bodies of assets are a few lines: each calls one stage of `warehouse.build.Build`.
"""
