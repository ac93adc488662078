# All set-up lives in .venv; nothing outside this folder is written.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
READY := $(VENV)/.ready

.PHONY: run run-cluster test chat check format docs transcripts bench chaos simulate setup clean

run: $(READY)  ## start the server on 127.0.0.1:8000
	@exec $(BIN)/socialgym serve

run-cluster: $(READY)  ## four server processes behind one port, on one PostgreSQL and one Valkey
	@exec $(BIN)/socialgym cluster

chat: $(READY)  ## practise in the terminal (ARGS="--mission CODE --url URL")
	@exec $(BIN)/socialgym chat $(ARGS)

test: check  ## every check and every test
	$(BIN)/pytest -n 3 --dist loadscope --no-loadscope-reorder

check: $(READY)  ## formatter, linter, strict types, import direction
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports

format: $(READY)
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

docs: $(READY)  ## write the pages that are made from the code (docs/errors.md, docs/limits.md)
	$(BIN)/python -m server.docs

transcripts: $(READY)  ## record the golden sessions of docs/transcripts anew
	$(BIN)/python -m tests.transcripts.record

bench: $(READY)  ## measure, side by side with three peers (ARGS="--quick"; about 15 minutes without)
	$(BIN)/python -m bench $(ARGS)

chaos: $(READY)  ## the long form of the fault tests, about an hour (ARGS="--part kills --kills 20 --turns 5000")
	$(BIN)/python -m tests.adversity.chaos $(ARGS)

simulate: $(READY)  ## many simulated universes (N=100000), or one again (ARGS="--seed 42")
	$(BIN)/python -m tests.simulation --universes $(or $(N),100000) $(ARGS)

setup: $(READY)

$(READY): pyproject.toml constraints.txt
	@echo "Setting up $(VENV) (once; about half a minute) ..."
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { echo "Python 3.11 or newer is needed."; exit 1; }
	@test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check -c constraints.txt -e ".[dev]"
	@touch $(READY)

clean:  ## remove the environment and caches; the data directory stays
	rm -rf $(VENV) .mypy_cache .ruff_cache .pytest_cache .import_linter_cache build *.egg-info
