# Two commands: `make demo` and `make test`; and `make bench` for those who ask how fast. Each makes
# its own virtual environment in .venv, so nothing but Python (3.11 or newer) and make is needed.

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

.PHONY: demo test bench bench-short api lint types install peers clean

demo: $(INSTALLED)
	$(BIN)/python -m timbremap_cli.demo

test: lint types
	$(BIN)/python -m pytest

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

types: $(INSTALLED)
	$(BIN)/pyright --pythonpath $(BIN)/python

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
