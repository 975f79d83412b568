# `make demo` tries it, `make test` checks it; `make check` is the quick part of it, `make bench` measures.
# Each makes its own virtual environment in .venv, so nothing but Python (3.11 or newer) and make is
# needed.

ifeq ($(OS),Windows_NT)
  BIN := .venv/Scripts
  PYTHON ?= python
else
  BIN := .venv/bin
  # The first of these that is there and new enough.
  PYTHON ?= $(shell for p in python3 python3.13 python3.12 python3.11 python; do \
    $$p -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null && echo $$p && break; \
  done)
endif
INSTALLED := .venv/.installed
PEERS := .venv/.peers
# One process a core. The ten slowest tests are listed: a new one among them wants a reason.
PYTEST := $(BIN)/python -m pytest --numprocesses auto --dist worksteal --durations 10

.PHONY: demo check test format bench bench-short api lint floors types quick install peers clean

demo: $(INSTALLED)
	$(BIN)/python -m timbremap_cli.demo

# What is quick, at most a minute and a half on two cores: after every change.
check: $(INSTALLED)
	$(MAKE) --no-print-directory -j 2 types lint floors quick

# Everything, at most nine minutes on two cores: what continuous integration runs.
test: lint floors types
	$(PYTEST)

# Puts imports in order and lines where they belong.
format: $(INSTALLED)
	$(BIN)/ruff check --select I --fix
	$(BIN)/ruff format

# PyTorch takes part where it is installed: .venv/bin/pip install torch
bench: $(PEERS)
	$(BIN)/python benchmarks

# A minute: what continuous integration runs. bench.md says what was found, and what became worse.
bench-short: $(PEERS)
	$(BIN)/python benchmarks frame osc --short --output bench.json --table bench.md
	$(BIN)/python benchmarks compare benchmarks/results/latest.json bench.json --table bench.md

# Pages of every module, from its docstrings: open api/index.html.
api: $(INSTALLED)
	$(BIN)/python docs/make_api.py

lint: $(INSTALLED)
	$(BIN)/ruff check
	$(BIN)/ruff format --check

# No circle between files, and no import that climbs.
floors: $(INSTALLED)
	$(BIN)/lint-imports

types: $(INSTALLED)
	$(BIN)/pyright --pythonpath $(BIN)/python

quick: $(INSTALLED)
	$(PYTEST) -m "not slow"

install: $(INSTALLED)

peers: $(PEERS)

$(INSTALLED): pyproject.toml
ifeq ($(strip $(PYTHON)),)
	@echo "TimbreMap needs Python 3.11 or newer: install it from python.org, or name it: make PYTHON=/path/to/python3" >&2; exit 1
endif
	@$(PYTHON) -c "import sys; sys.version_info >= (3, 11) or sys.exit('TimbreMap needs Python 3.11 or newer, this is ' + sys.version.split()[0] + ': name another with make PYTHON=/path/to/python3')"
	@echo "Making .venv and installing packages (a few minutes the first time) ..."
	$(PYTHON) -m venv .venv
	$(BIN)/python -m pip install -qq --upgrade "pip>=25.1"
	$(BIN)/python -m pip install -qq --editable ".[all]" --group dev
	@$(BIN)/python -c "open('$(INSTALLED)', 'w').close()"

$(PEERS): $(INSTALLED)
	$(BIN)/python -m pip install -qq --group bench
	@$(BIN)/python -c "open('$(PEERS)', 'w').close()"

clean:
	$(PYTHON) -c "import shutil; [shutil.rmtree(d, ignore_errors=True) for d in ('.venv', 'demo', 'api')]"
