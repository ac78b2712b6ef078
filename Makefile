# Rollhouse: set up, build, test. Needs only make and Python 3.11, 3.12 or 3.13; every target sets
# up what it needs.

SHELL := /bin/sh
.DEFAULT_GOAL := help
MAKEFLAGS += --no-print-directory

VENV := .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/.installed
PYTEST_ARGS ?=
BENCH_ARGS ?=
COMPILE_ARGS ?=

# Runs "$$p" as a Python and succeeds if Rollhouse works with it.
IS_SUPPORTED = "$$p" -c 'import sys; sys.exit(not (3, 11) <= sys.version_info[:2] < (3, 14))' >/dev/null 2>&1

.PHONY: help setup warehouse ui test lint docs bench requirements clean distclean

help: ## Show this list
	@echo "make <target>:"
	@sed -n 's/^\([a-z]*\):.*## \(.*\)/  \1|\2/p' $(MAKEFILE_LIST) | awk -F'|' '{ printf "%-16s %s\n", $$1, $$2 }'

warehouse: $(STAMP) ## Set up, build from ~/.codex (or data/sample if there is none), print the summary
	@$(BIN)/rollhouse build
	@$(BIN)/rollhouse summary

ui: $(STAMP) ## Serve the Dagster UI until Ctrl-C: lineage, runs, checks
	@$(BIN)/rollhouse ui

test: $(STAMP) ## Run all tests, the slow ones too (PYTEST_ARGS="-k usage" narrows them)
	@$(BIN)/python -m pytest -n 2 $(PYTEST_ARGS)

lint: $(STAMP) ## Check style and types
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check .
	@$(BIN)/mypy

docs: $(STAMP) ## Write docs/data-dictionary.md anew from contracts and model headers
	@$(BIN)/python -m warehouse.dictionary > docs/data-dictionary.md.new
	@mv docs/data-dictionary.md.new docs/data-dictionary.md

bench: $(STAMP) ## Measure speed and memory on generated corpora (BENCH_ARGS="--help" tells more)
	@$(BIN)/python -m bench $(BENCH_ARGS)

setup: $(STAMP) ## Only set up .venv

requirements: $(STAMP) ## Pin requirements.txt anew from pyproject.toml (COMPILE_ARGS=--upgrade moves the pins)
	@$(BIN)/pip-compile --quiet $(COMPILE_ARGS) --output-file requirements.txt pyproject.toml
	@echo "requirements.txt is up to date."

clean: ## Remove caches and build products; the environment and the warehouse stay
	@rm -rf build dist *.egg-info .pytest_cache .hypothesis .mypy_cache .ruff_cache
	@find . -path ./$(VENV) -prune -o -path ./data -prune -o -type d -name __pycache__ -print | xargs rm -rf

distclean: clean ## Remove the environment too
	@rm -rf $(VENV)

# The environment: the first Python that fits, everything pinned and checked by hash, then the
# project itself, editable. An environment whose Python is gone or does not fit is made anew.
$(STAMP): requirements.txt pyproject.toml
	@p=$(BIN)/python; \
	if ! $(IS_SUPPORTED); then \
	  found=; \
	  for p in python3 python3.13 python3.12 python3.11; do \
	    if $(IS_SUPPORTED); then found=$$p; break; fi; \
	  done; \
	  if [ -z "$$found" ]; then \
	    have=`python3 --version 2>/dev/null`; \
	    echo "Rollhouse needs Python 3.11, 3.12 or 3.13. python3 here is: $${have:-not installed}." >&2; \
	    echo "Install one of them (python3.12 on the PATH is enough) and run make again." >&2; \
	    exit 1; \
	  fi; \
	  echo "Making $(VENV) with `$$found --version 2>&1` ..."; \
	  "$$found" -m venv --clear $(VENV) || { \
	    rm -rf $(VENV); \
	    echo "$$found cannot make environments. On Debian and Ubuntu: apt install python3-venv" >&2; \
	    exit 1; \
	  }; \
	fi
	@echo "Installing the pinned packages into $(VENV) (a minute the first time) ..."
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements.txt
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation -e .
	@touch $(STAMP)
