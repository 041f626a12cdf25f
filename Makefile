# Every target works from a bare clone: what needs the environment depends on `install`.
SHELL := /bin/bash
.SHELLFLAGS := -eu -o pipefail -c
.DEFAULT_GOAL := help
MAKEFLAGS += --no-print-directory

VENV := .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/.installed
DEMO := demo_output
# A process a core, each with whole files, whose tests share what they compile, in the order that conftest.py gives them.
PYTEST := $(BIN)/python -m pytest --numprocesses=auto --maxprocesses=8 --dist=loadfile --no-loadscope-reorder

# A candidate counts only if it runs: version managers leave names on PATH that do not. 3.12 and 3.11 come first
# because the offline CLIP tokenizer has wheels for them.
PYTHON ?= $(shell for python in python3.12 python3.11 python3.13 python3; do \
	$$python -c 'import sys; sys.exit(sys.version_info < (3, 11))' >/dev/null 2>&1 && echo $$python && break; done)

.PHONY: help install demo demo-training test test-fast lint format clean

help:  ## list the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "make %-10s %s\n", $$1, $$2 }' Makefile

install: $(STAMP)  ## make .venv with the package and its development tools
	@echo "ready: $(BIN)/jvlgs"

$(STAMP): pyproject.toml
	@test -n "$(PYTHON)" || { echo "error: no Python 3.11 or newer on PATH; install one, or name it: make install PYTHON=/path/to/python3.12" >&2; exit 1; }
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null \
		|| { echo "error: $(PYTHON) does not run or is older than Python 3.11; name a newer one: make install PYTHON=/path/to/python3.12" >&2; exit 1; }
	@test -x $(BIN)/python || { echo "making $(VENV) with $(PYTHON)"; $(PYTHON) -m venv $(VENV); }
	@echo "installing dependencies into $(VENV) (a few minutes the first time)"
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --editable '.[dev]'
	@touch $(STAMP)

demo: $(STAMP)  ## segment the sample clip with the model that comes along, and score it
	@PATH="$(CURDIR)/$(BIN):$$PATH" launch/demo.sh $(DEMO)

demo-training: $(STAMP)  ## train a tiny model on made-up plumes and segment a clip it has not seen
	@PATH="$(CURDIR)/$(BIN):$$PATH" launch/demo_training.sh $(DEMO)/training

test: $(STAMP)  ## run every test
	@$(PYTEST)

test-fast: $(STAMP)  ## run the tests that take less than about two seconds each
	@$(PYTEST) -m "not slow"

lint: $(STAMP)  ## check style, formatting and types
	@$(BIN)/ruff check --quiet .
	@$(BIN)/ruff format --check --quiet . || { echo "error: unformatted files; run: make format" >&2; exit 1; }
	@$(BIN)/pyrefly check --summary=none

format: $(STAMP)  ## rewrite the files in the project's style
	@$(BIN)/ruff check --quiet --fix .
	@$(BIN)/ruff format --quiet .

clean:  ## remove the environment, caches and demo output
	rm -rf $(VENV) $(DEMO) build dist *.egg-info .pytest_cache .ruff_cache .hypothesis .jax_cache
