"""Generated corpora and the benchmark over them.

Belongs here: making Codex homes of any size, and measuring `rollhouse` on them as a whole
process. Does not belong here: tests of single functions (`tests/`), anything that the product
imports.
"""
