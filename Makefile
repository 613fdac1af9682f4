# Every target installs what it needs into .venv first. `make help` lists them.
PYTHON ?= python3
BIN := .venv/bin

.DEFAULT_GOAL := help
.PHONY: help install template validate test lint check format bench lock clean

help: ## Show what each target does
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "  make %-12s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

install: .venv/installed ## Create .venv from the committed lock file

.venv/installed: requirements.lock setup.cfg
	@$(PYTHON) -c 'import sys; v = sys.version_info; sys.exit(f"Python 3.11 or newer is needed; {sys.executable} is {v.major}.{v.minor}. Name another: make PYTHON=python3.12" if v < (3, 11) else 0)'
	@echo "Installing the locked packages into .venv (once, about a minute)"
	@$(PYTHON) -m venv .venv
	@$(BIN)/pip install --quiet --disable-pip-version-check --require-hashes -r requirements.lock
	@$(BIN)/pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation --config-settings editable_mode=compat --editable .
	@touch $@

template: .venv/installed ## Write templates/fraud-platform.yaml and validate it with both engines
	@$(BIN)/python generate.py
	@$(BIN)/python -m fraud_cfn.validation

validate: .venv/installed ## Validate the committed template with both engines, in every scenario
	@$(BIN)/python -m fraud_cfn.validation

test: .venv/installed ## Run the whole test suite
	@$(BIN)/pytest

lint: .venv/installed ## Check format, style and types
	@$(BIN)/ruff format --check --quiet . || { echo "Format differs: run 'make format'"; exit 1; }
	@$(BIN)/ruff check --quiet .
	@$(BIN)/basedpyright --level error

format: .venv/installed ## Format the code and fix what ruff can fix
	@$(BIN)/ruff format .
	@$(BIN)/ruff check --fix .

check: lint ## Everything a pull request must pass: lint, stale template, both validators, tests
	@$(BIN)/python generate.py --check
	@$(BIN)/python -m fraud_cfn.validation
	@$(BIN)/pytest

bench: .venv/installed ## Measure generation, validation and growth
	@$(BIN)/python -m bench

lock: .venv/installed ## Pin the newest versions that setup.cfg allows into requirements.lock
	@$(BIN)/pip install --quiet --disable-pip-version-check uv
	@$(BIN)/uv pip compile --quiet --upgrade --universal --python-version 3.11 --generate-hashes --all-extras --no-annotate --no-header setup.cfg -o requirements.lock
	@echo "Wrote requirements.lock; review the diff, then run 'make check'"

clean: ## Remove .venv and caches
	rm -rf .venv .pytest_cache .ruff_cache *.egg-info
