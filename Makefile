# `make demo` shows a factory working; `make test` passes the tests. Each makes .venv and installs what it needs.

PYTHON ?= python3
BIN := .venv/bin
DEMO ?=
WORKERS ?= 2
FUZZ_S ?= 60
CASES ?= 2000
FAULTS ?= 100
DELIVERIES ?= 30000
SEED ?= 1
SETUP ?= embedded

.PHONY: demo test check lint format lock screenshot requirements fuzz fuzz-api mutants laws chaos compat clean help

help:
	@echo "make demo         a simulated factory, gateway, collector and board on this machine (DEMO='--speed 30' for options)"
	@echo "make test         everything that must hold: lint, types, layers, tests; says what it skipped and why"
	@echo "make check        lint, types and layers only"
	@echo "make format       format the code"
	@echo "make fuzz         invent input for everything that reads devices and maps (FUZZ_S=60 seconds for each)"
	@echo "make fuzz-api     invent requests for every route of the API (CASES=2000 SEED=1)"
	@echo "make mutants      take each important guard out and see that its test fails"
	@echo "make laws         deliver shuffled histories of every kind of event: views never differ (DELIVERIES=30000 SEED=1)"
	@echo "make chaos        break everything at random under load, and judge what arrived (FAULTS=100 SEED=1 SETUP=embedded)"
	@echo "make compat       imports and unit tests of the gateway on each Python that is here"
	@echo "make lock         resolve the lock files anew"
	@echo "make requirements write docs/requirements.md from the markers of the tests"
	@echo "make screenshot   take the README's picture of the board from a running demo"

demo: .venv/all
	@$(BIN)/genba demo $(DEMO)

test: .venv/dev
	@tests/servers.sh
	@$(MAKE) --no-print-directory check
	@$(BIN)/python -m pytest -n $(WORKERS) --dist loadfile

check: .venv/dev
	@$(BIN)/ruff format --check .
	@$(BIN)/ruff check .
	@$(BIN)/mypy
	@$(BIN)/lint-imports

format: .venv/dev
	@$(BIN)/ruff format .
	@$(BIN)/ruff check --fix .

screenshot: .venv/dev
	@$(BIN)/python docs/screenshot.py docs/board.png

requirements: .venv/dev
	@$(BIN)/python -m tests.requirements

lock: .venv/dev
	@for set in all dev fuzz; do \
	  $(BIN)/uv pip compile pyproject.toml --extra $$set --python-version 3.11 --universal --generate-hashes \
	    --no-header --no-emit-index-url --no-annotate --upgrade --quiet -o requirements/$$set.txt; \
	done

fuzz: build/fuzz/installed
	@for target in $$(build/fuzz/venv/bin/python -c "import tests.fuzz; print(*tests.fuzz.TARGETS)"); do \
	  echo "== $$target"; build/fuzz/venv/bin/python -m tests.fuzz $$target --seconds $(FUZZ_S) || exit 1; \
	done

fuzz-api: .venv/dev
	@$(BIN)/python -m tests.api_fuzz --cases $(CASES) --seed $(SEED)

mutants: .venv/dev
	@$(BIN)/python -m tests.mutations

laws: .venv/dev
	@GENBA_DELIVERIES=$(DELIVERIES) GENBA_SEED=$(SEED) $(BIN)/python -m pytest -q -n 0 tests/property/test_facts_laws.py

chaos: .venv/dev
	@tests/servers.sh
	@$(BIN)/python -m tests.chaos --faults $(FAULTS) --seed $(SEED) --setup $(SETUP)

compat: .venv/dev
	@$(BIN)/python -m tests.compat

# The stamps follow the lock files: a changed lock installs anew, an unchanged one costs nothing.
.venv/all: requirements/all.txt pyproject.toml
	@test -x $(BIN)/python || { echo "making .venv"; $(PYTHON) -m venv .venv; }
	@echo "installing genba and what it needs (a minute or two, once)"
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements/all.txt
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps -e .
	@touch $@

.venv/dev: requirements/dev.txt pyproject.toml
	@test -x $(BIN)/python || { echo "making .venv"; $(PYTHON) -m venv .venv; }
	@echo "installing genba, its tools and tests (a minute or two, once)"
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements/dev.txt
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps -e .
	@touch $@ .venv/all

# Fuzzing has an environment of its own, because what leads it by coverage is built for few machines.
build/fuzz/installed: requirements/fuzz.txt pyproject.toml
	@mkdir -p build/fuzz
	@test -x build/fuzz/venv/bin/python || $(PYTHON) -m venv build/fuzz/venv
	@echo "installing the gateway and the fuzzer (a minute, once)"
	@build/fuzz/venv/bin/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements/fuzz.txt
	@build/fuzz/venv/bin/python -m pip install --quiet --disable-pip-version-check --no-deps -e .
	@touch $@

clean:
	rm -rf .venv build dist .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache
