# Every target installs what it needs into .venv first. `make help` lists them.
PYTHON ?= python3
BIN := .venv/bin
DEPLOY := $(BIN)/python -m fraud_cfn.deploy.make
VERBS := plan deploy start release status logs run-job outputs diagnose rollback cancel destroy

# What users say is text: taken as it is, never expanded by make, and handed on by the environment, so that
# no shell reads it. FRAUD_TYPED tells what stands on make's command line from what a CI happens to set.
VARIABLES := PYTHON ENV SERVICE TAG BACK COMMAND ARGS PORT SEED BASE EVERY
export FRAUD_TYPED := $(foreach name,$(VARIABLES),$(if $(filter command,$(origin $(name))),$(name)))
$(foreach name,$(VARIABLES),$(eval override $(name) := $$(value $(name))))
export $(VARIABLES)
ifeq ($(origin AWS_PROFILE),command line)
$(eval override AWS_PROFILE := $$(value AWS_PROFILE))
export AWS_PROFILE
endif
unexport PYTHONDONTWRITEBYTECODE # hundreds of processes import the same modules
typed = $(if $(filter $(1),$(FRAUD_TYPED)),$(2)="$$$(1)")

.DEFAULT_GOAL := help
.PHONY: help install template docs validate diff demo local push-local $(VERBS) integration test prove mutate coverage lint check format bench pictures lock clean

help: ## Show what each target does
	@exec 3>&1; columns=$$([ -t 3 ] && stty size <&3 2>/dev/null | cut -d ' ' -f 2); \
	awk -F ':.*## ' -v columns="$$columns" '/^[a-z-]+:.*## / { \
	    line = sprintf("  make %-12s", $$1); number = split($$2, words, " "); \
	    for (i = 1; i <= number; i++) { \
	        if (i > 1 && columns && length(line " " words[i]) > columns) { print line; line = sprintf("%19s", "") } \
	        line = line " " words[i] } \
	    print line }' "$(strip $(MAKEFILE_LIST))"
	@echo "More options: make deploy ENV=dev ARGS=--yes"
	@echo "Exit codes: make says 'Error 7' and ends with 2;"
	@echo "for the code itself, $(BIN)/fraud-cfn deploy dev"

install: .venv/installed ## Create .venv from the committed lock file

.venv/installed: requirements.lock requirements-rules.lock setup.cfg
	@"$$PYTHON" -c 'import sys; v = sys.version_info; sys.exit(f"Python 3.11 or newer is needed; {sys.executable} is {v.major}.{v.minor}. Name another: make PYTHON=python3.12" if v < (3, 11) else 0)'
	@echo "Installing the locked packages into .venv (once, about a minute)"
	@"$$PYTHON" -m venv --clear .venv
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements.lock
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes --no-deps -r requirements-rules.lock
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation --config-settings editable_mode=compat --editable .
	@touch $@

template: .venv/installed ## Write the template and what is said of it, and validate it with both engines
	@$(BIN)/python generate.py
	@$(BIN)/python -m fraud_cfn.prove.pages
	@$(BIN)/python -m fraud_cfn.template.validation

docs: .venv/installed ## Write the pages on the template: docs/access.md, reachability.md and others
	@$(BIN)/python -m fraud_cfn.prove.pages

validate: .venv/installed ## Validate the template with both engines in every scenario, and environments/
	@$(BIN)/python -m fraud_cfn.template.environments
	@$(BIN)/python -m fraud_cfn.template.validation

diff: .venv/installed ## Predict, offline, what deploying this over another revision does (BASE=origin/main)
	@$(BIN)/python -m fraud_cfn.review $(call typed,BASE,--base)

# ── On AWS, or on the endpoint in AWS_ENDPOINT_URL ──────────────────────────────────────────────────

demo: .venv/installed ## Deploy, go live, release, destroy on a local endpoint: no AWS account, nothing left
	@$(BIN)/python -m fraud_cfn.deploy.demo

local: .venv/installed ## Run the local endpoint in the foreground (PORT=4566, SEED=dev)
	@$(BIN)/python -m fraud_cfn.local $(call typed,PORT,--port) $(call typed,SEED,--seed)

push-local: .venv/installed ## Put a stand-in image onto the local endpoint (ENV=dev SERVICE=api TAG=v1.2)
	@$(BIN)/python -m fraud_cfn.local --push "$$ENV" "$$SERVICE" $(if $(filter TAG,$(FRAUD_TYPED)),"$$TAG",latest)

plan: ## Show what a deployment would change (ENV=dev)
deploy: ## Deploy the committed template (ENV=dev)
start: ## Go live, once the three images are pushed (ENV=dev)
release: ## Release an image (ENV=dev SERVICE=api TAG=v1.2)
status: ## Show what runs (ENV=dev)
logs: ## Show logs (ENV=dev SERVICE=worker)
run-job: ## Run the job now (ENV=dev)
outputs: ## Show the outputs (ENV=dev)
diagnose: ## Say what is wrong and what to do (ENV=dev)
rollback: ## Roll a stack back that stopped halfway (ENV=dev)
cancel: ## Cancel a running update or creation (ENV=dev)
destroy: ## Delete an environment, and prove that nothing is left (ENV=dev)

$(VERBS): .venv/installed
	@$(DEPLOY) $@

integration: .venv/installed ## Run the integration tests against a deployed stack (ENV=dev); they only read
	@$(if $(ENV),,echo "error: which environment? Say it: make $@ ENV=dev" >&2; exit 2)
	@$(BIN)/python -m pytest tests/integration --stack-env "$$ENV"

# ── For developers ──────────────────────────────────────────────────────────────────────────────────

test: .venv/installed ## Run the whole test suite
	@$(BIN)/python -m pytest -n auto --dist worksteal

prove: .venv/installed ## Say on one page what is proven without a cloud, and what is not
	@$(BIN)/python -m fraud_cfn.prove
	@$(BIN)/python -m tests.mutation --every 160

mutate: .venv/installed ## Break the template, one fault at a time; list what nobody sees (EVERY=20: a sample)
	@$(BIN)/python -m tests.mutation $(call typed,EVERY,--every)

coverage: .venv/installed ## Run the tests of the command and show which branches of deploy/ they leave out
	@rm -f .coverage .coverage.*
	@$(BIN)/python -m coverage run -m pytest -n auto --dist worksteal tests/deploy
	@$(BIN)/python -m coverage combine --quiet
	@$(BIN)/python -m coverage report

lint: .venv/installed ## Check format, style and types
	@$(BIN)/ruff format --check --quiet . || { [ $$? -ne 1 ] || echo "Format differs: run 'make format'"; exit 1; }
	@$(BIN)/ruff check --quiet .
	@$(BIN)/python -m basedpyright --level error

format: .venv/installed ## Format the code and fix what ruff can fix
	@$(BIN)/ruff format .
	@$(BIN)/ruff check --fix .

check: lint ## What a pull request must pass: lint, stale template, environments/, validators, tests
	@$(BIN)/python generate.py --check
	@$(BIN)/python -m fraud_cfn.prove.pages --check
	@$(BIN)/python -m fraud_cfn.template.environments
	@$(BIN)/python -m fraud_cfn.template.validation
	@$(BIN)/python -m pytest -n auto --dist worksteal

bench: .venv/installed ## Measure generation, validation and growth
	@$(BIN)/python -m bench

pictures: .venv/installed ## Draw the README's terminals anew, from real transcripts
	@$(BIN)/python docs/pictures/draw.py

lock: .venv/installed ## Pin the newest versions that setup.cfg allows into requirements.lock
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check uv
	@$(BIN)/uv pip compile --quiet --upgrade --universal --python-version 3.11 --generate-hashes --all-extras --no-annotate --no-header setup.cfg -o requirements.lock
	@echo "Wrote requirements.lock; review the diff, then run 'make check'"

clean: ## Remove .venv and caches
	rm -rf .venv .validated .pytest_cache .ruff_cache .coverage* *.egg-info
