# make run: start the app. make test: run every test. Both set up .venv first, once.
.DEFAULT_GOAL := help
.PHONY: help run test test-without check bench vllm pythons screenshots lock audit sbom attack attack-files attack-kills attack-servers attack-soak clean
SHELL := /bin/bash

PYTHON ?= python3
PORT ?= 8501
TOKEN ?= on
TEST_PROCESSES ?= 2
BIN := .venv/bin
RUN_READY := .venv/.run-ready
TEST_READY := .venv/.test-ready
SBOM := .venv/sbom/bin/cyclonedx-py
BILL ?= out/adapt-lab.cdx.json
BILL_OF ?= $(BIN)/python

help:
	@echo "make run     start the app on http://127.0.0.1:$(PORT) (TOKEN=off: without the token in the address)"
	@echo "make test    run the whole test suite"
	@echo "make test-without   run it as if the optional multilingual embedder were not installed"
	@echo "make check   lint, format, types, import rules, dependencies"
	@echo "make bench   measure this machine (minutes)"
	@echo "make vllm    check a real vLLM server, installed for it (gigabytes, up to an hour)"
	@echo "make attack  attack-files, attack-kills, attack-servers and attack-soak, one after the other (up to four hours)"
	@echo "make attack-files   read 10,000 mutated files of each kind (up to an hour)"
	@echo "make attack-kills   kill runs, studies, trainings and imports 200 times (up to an hour)"
	@echo "make pythons   run the suite without models on each supported Python (gigabytes, up to an hour)"
	@echo "make attack-servers   meet servers that misbehave, each mode in processes of its own"
	@echo "make attack-soak   2,000 random journeys through the app, then 20 tabs on a run of 100,000 answers (up to an hour)"
	@echo "make screenshots   take the screenshots of the docs (needs Chromium)"
	@echo "make lock    renew the lock files and the list of licences"
	@echo "make audit   look for known weaknesses in what is installed (asks PyPI)"
	@echo "make sbom    write a bill of materials of what is installed (CycloneDX)"
	@echo "make clean   remove .venv"

# The stamps let a second start skip pip: they are older than the requirements only when those have changed.
$(RUN_READY): requirements.lock
	@bash tools/preflight.sh "$(PYTHON)"
	@test -x $(BIN)/python || "$(PYTHON)" -m venv .venv
	@echo "Installing what the app needs (once; llama.cpp is compiled, which takes some minutes) ..."
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements.lock
	@touch $@

$(TEST_READY): requirements-dev.lock $(RUN_READY) $(SBOM)
	@echo "Installing what the tests need (once) ..."
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements-dev.lock
	@touch $@

run: $(RUN_READY)
	@$(BIN)/python tools/port_is_free.py $(PORT)
	@exec $(BIN)/python tools/serve.py --port $(PORT) $(if $(filter off,$(TOKEN)),--no-token)

# Files in the order of their folders: the longest tests begin first. Else the files with the fewest tests, which have the
# longest ones, are left for the end, and one process waits for the other.
test: $(TEST_READY)
	@$(BIN)/python -m pytest --numprocesses $(TEST_PROCESSES) --dist loadfile --no-loadscope-reorder

test-without: $(TEST_READY)
	@$(BIN)/python -m pytest --without-multilingual --numprocesses $(TEST_PROCESSES) --dist loadfile

check: $(TEST_READY)
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	PYTHONPATH=. $(BIN)/lint-imports --no-cache
	$(BIN)/deptry .

bench: $(TEST_READY)
	$(BIN)/python cli.py bench

vllm: $(TEST_READY)
	@bash tools/vllm.sh $(BIN)/python

# docs/trust.md quotes the tables that these print.
attack: attack-files attack-kills attack-servers attack-soak

attack-files: $(TEST_READY)
	$(BIN)/python -m tests.attack.files --each 10000 --loads 1000

attack-kills: $(TEST_READY)
	$(BIN)/python -m tests.attack.kills --kills 200

pythons:
	@bash tools/pythons.sh $(PYTHONS)

attack-servers: $(TEST_READY)
	$(BIN)/python -m tests.attack.servers

attack-soak: $(TEST_READY)
	$(BIN)/python -m tests.attack.soak --journeys 2000 --rows 100000

screenshots: $(TEST_READY)
	$(BIN)/python tools/screenshots.py

lock: $(TEST_READY)
	@bash tools/lock.sh $(BIN)/python
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements-dev.lock
	@$(BIN)/python -m tools.licences
	@touch $(RUN_READY) $(TEST_READY)
	@echo "The lock files and docs/licences.md are new, and installed: run make test, then commit them."

# Where the advisories cannot be reached, this fails and says so: nothing was audited then.
audit: $(TEST_READY)
	@$(BIN)/uv tool run --from "pip-audit>=2.10,<3" pip-audit --requirement requirements.lock --require-hashes --disable-pip --strict

# In an environment of its own: beside it, jsonschema would build a grammar at every start (half a second of each command).
$(SBOM): requirements-sbom.lock | $(RUN_READY)
	@$(BIN)/python -m venv .venv/sbom
	@.venv/sbom/bin/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements-sbom.lock
	@touch $@

sbom: $(TEST_READY)
	@mkdir -p $(dir $(BILL))
	@$(SBOM) environment --output-reproducible --output-file $(BILL) $(BILL_OF)
	@echo "$(BILL)"

clean:
	rm -rf .venv
