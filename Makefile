PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
SOURCES := $(shell find engine tui presets -name '*.py' -o -name '*.toml' -o -name '*.tcss' -o -name '*.json')

.PHONY: run test test-integrations bench scoreboard picture presets lint clean

run: $(VENV)/installed
	@if [ -t 1 ]; then $(BIN)/tinygpt-tui; else $(BIN)/tinygpt-tui train baseline; fi

test: $(VENV)/installed-dev
	$(BIN)/python -m pytest -n auto --maxprocesses 4 --dist worksteal

test-integrations: $(VENV)/installed-dev
	$(BIN)/python -m pip install --quiet --constraint constraints.txt '.[integrations]'
	$(BIN)/python -m pytest tests/test_integrations.py -rs

bench: $(VENV)/installed
	$(BIN)/python tests/bench/throughput.py --write

scoreboard: $(VENV)/installed
	$(BIN)/python -m tests.bench.scoreboard --write

picture: $(VENV)/installed
	$(BIN)/python tests/bench/picture.py

presets: $(VENV)/installed-dev
	$(BIN)/python -m tests.matrix --readme

lint: $(VENV)/installed-dev
	$(BIN)/ruff check
	$(BIN)/ruff format --check
	$(BIN)/basedpyright --pythonpath $(BIN)/python

# not editable, so that what runs is what the wheel holds; without what an earlier build left, which would get into it
$(VENV)/installed: $(SOURCES) pyproject.toml constraints.txt README.md LICENSE | $(VENV)/bin/python
	rm -rf build
	$(BIN)/python -m pip install --quiet --constraint constraints.txt .
	@touch $@

$(VENV)/installed-dev: $(VENV)/installed
	rm -rf build
	$(BIN)/python -m pip install --quiet --constraint constraints.txt '.[dev]'
	@touch $@

$(VENV)/bin/python:
	$(PYTHON) -m venv $(VENV)

clean:
	rm -rf $(VENV) build *.egg-info
