# Feira needs python3 (3.11 to 3.13) with venv, and make. `make up` and `make test` bring the rest.
BIN := .venv/bin
export PYTHON

# When make itself is killed, what it runs stops too, and the port is free for the next one.
WITH_MAKE := $(if $(shell command -v setpriv),setpriv --pdeathsig TERM --)

.DEFAULT_GOAL := help
.PHONY: help up test check bench proof fuzz lock schema migration system-deps run-env dev-env

help: ## Say what there is
	@sed -n 's/^\([a-z-]*\):.*## /  make \1\t/p' Makefile | expand -t 22

up: run-env ## Start the shop on http://127.0.0.1:8000, with its database and its demo data
	@$(WITH_MAKE) $(BIN)/feira up

test: check ## Everything that must be true: check, and all tests
	$(BIN)/pytest -n 4 --dist worksteal

check: dev-env ## What needs no database: lint, format, types, layers, the printed schema
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(BIN)/feira schema --check

bench: dev-env ## Measure, one JSON line a figure
	@$(BIN)/python -m benchmarks

proof: dev-env ## Run the feed's proofs for longer than the tests do; make proof SECONDS=600 for ten minutes each
	FEIRA_PROOF_SECONDS=$(or $(SECONDS),120) FEIRA_PROOF_CUTS=$(or $(CUTS),500) FEIRA_WEBHOOK_ROUNDS=$(or $(ROUNDS),200) \
		$(BIN)/pytest tests/laws/test_feed.py tests/peers/test_following.py tests/events/webhooks/test_send.py

fuzz: dev-env ## Send 2,000 operations that Schemathesis makes up; make fuzz CASES=10000 sends more
	FEIRA_FUZZ_CASES=$(or $(CASES),2000) $(BIN)/pytest tests/api/test_fuzz.py

schema: dev-env ## Print graphql/schema.graphql
	@$(BIN)/feira schema

migration: dev-env ## Write a migration from the tables' changes: make migration NAME="add a note to orders"
	@$(BIN)/alembic revision --autogenerate -m "$(NAME)"

# Locked against the public index and nothing else, so that no machine's own mirrors or wheels get into the files.
COMPILE = env -u PIP_FIND_LINKS -u PIP_INDEX_URL -u PIP_EXTRA_INDEX_URL PIP_CONFIG_FILE=/dev/null \
	CUSTOM_COMPILE_COMMAND="make lock" $(BIN)/pip-compile --quiet --generate-hashes --strip-extras --allow-unsafe \
	--no-emit-index-url --no-emit-find-links --no-emit-trusted-host --no-emit-options --build-deps-for editable

lock: dev-env ## Lock what pyproject.toml asks for; make lock UPGRADE=--upgrade takes newer versions
	$(COMPILE) $(UPGRADE) --output-file requirements/run.txt pyproject.toml
	$(COMPILE) $(UPGRADE) --extra dev --constraint requirements/run.txt --output-file requirements/dev.txt pyproject.toml

system-deps: ## Install what some tests need of the system (Debian, as root): Chromium and PostgreSQL
	@.ci/system-deps

run-env:
	@requirements/install run

dev-env:
	@requirements/install dev
