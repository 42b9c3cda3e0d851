# Two commands: `make up` shows the hub at work, `make test` tests it. Both prepare what they need;
# a machine needs Python 3.11 or newer, and nothing else. With a Docker engine, containers are used.
#
# For GNU make 3.81 and newer.

.DEFAULT_GOAL := help
.PHONY: help up test test-secured check bench bench-compare faults alerts outbox traces-away restore-proof production-proof mixed-versions console-pictures console-proof fuzz capacity simulate-storm chart aws validators bundle bundle-proof sbom audit environment
SHELL := /bin/sh

# Set one of these on the command line: make up WITH=embedded, make test ARGS="-k pairing".
WITH := auto
ARGS :=
# An IP address of this machine, at which others reach what `make up` runs: with authentication
# and TLS.
ADDRESS :=
# yes or no; if it is empty, ADDRESS decides.
WITH_TLS :=
ASKED = --with '$(WITH)' --address '$(ADDRESS)' --tls '$(WITH_TLS)'

PYTHON = $(or $(shell tools/local/find-python 2>/dev/null),$(error $(shell tools/local/find-python 2>&1)))
VENV := .venv
RUN := $(VENV)/bin/python
# The tools of `make sbom` and `make audit`, apart from those that others need.
SUPPLY := .cache/supply
# The validators of deployment, apart from .venv: `make test` goes without them.
VALIDATORS := .cache/validators
WITH_VALIDATORS := PYTHONPATH=$(CURDIR)/$(VALIDATORS)$${PYTHONPATH:+:$$PYTHONPATH}

help:  ## Show what can be made
	@sed -n 's/^\([a-z-]*\):.*  ## /  make \1	/p' Makefile

up:  ## Run the whole hub on this machine and show it at work (WITH=embedded; WITH_TLS=yes; ADDRESS=192.168.1.5 lets others in)
	@source=$$($(PYTHON) -m tools.local.decision $(ASKED)) || exit 2; \
	if [ "$$source" = containers ]; then exec $(PYTHON) -m tools.local $(ASKED); fi; \
	$(MAKE) -s environment && exec $(RUN) -m tools.local $(ASKED)

test: environment  ## Run all tests (ARGS="-k pairing" passes arguments to pytest; "-n 0": one process)
	@$(RUN) -m pytest --numprocesses auto $(ARGS)

test-secured: environment  ## Run the tests of the hub with TLS on every link, least rights and required authentication
	@CHARGELIGHT_TEST_SECURED=1 $(RUN) -m pytest --numprocesses auto tests/integration/hub $(ARGS)

check: environment  ## Check style, types, boundaries, and the files that others read
	@$(RUN) -m ruff check
	@$(RUN) -m ruff format --check
	@$(RUN) -m mypy
	@$(RUN) -m pytest --quiet tests/unit/test_architecture.py
	@$(RUN) -m check_jsonschema --builtin-schema vendor.compose-spec docker-compose.yml deploy/compose/*.yml
	@$(RUN) -m check_jsonschema --builtin-schema vendor.github-workflows .github/workflows/*.yml
	@$(RUN) -m check_jsonschema --builtin-schema vendor.dependabot .github/dependabot.yml

bench: environment  ## Measure speed on this machine (10 minutes; ARGS="relay --json FILE", ARGS=--help)
	@$(RUN) -m tests.benchmarks $(ARGS)

bench-compare: environment  ## Compare two measurements (A=before.json B=after.json)
	@$(RUN) -m tests.benchmarks.compare '$(A)' '$(B)'

faults: environment  ## Do real harm to real processes and judge every light (hours; ARGS="sequences", "due")
	@$(RUN) -m tests.faults $(or $(ARGS),matrix)

alerts: environment  ## Fire every alert by its real cause, and print how long that takes (hours; ARGS="--divisor 20": minutes)
	@$(RUN) -m tests.alerts $(ARGS)

outbox: environment  ## Have a receiver of alerts away for 10 minutes, and kill a registry (half an hour)
	@CHARGELIGHT_TEST_AWAY_SECONDS=600 $(RUN) -m pytest -n 0 --timeout 3600 tests/integration/registry/notify/test_killed.py

traces-away: environment  ## Have a receiver of traces away for 10 minutes, and look at lights and memory
	@CHARGELIGHT_TEST_TRACES=600 $(RUN) -m pytest -n 0 -s --timeout 900 tests/e2e/test_traces_away.py

restore-proof: environment  ## Lose Postgres' disk with 50,000 devices, restore a backup, and judge every light
	@CHARGELIGHT_TEST_RESTORE=50000 $(RUN) -m pytest -n 0 -s --timeout 3600 tests/e2e/restore

production-proof: environment  ## Kill all containers of production, cluster and monitoring at once, and start them again
	@CHARGELIGHT_TEST_PRODUCTION=1 $(RUN) -m pytest -n 0 tests/e2e/test_all_of_production.py

mixed-versions: environment  ## Upgrade from the last release under load, and back, for 10 minutes
	@CHARGELIGHT_TEST_MIXED=600 CHARGELIGHT_TEST_RELEASE=required $(RUN) -m pytest -n 0 --timeout 1800 tests/upgrade

console-pictures: environment  ## Make the pictures of docs/console.md again (needs a Chromium)
	@CHARGELIGHT_TEST_BROWSER=required CHARGELIGHT_TEST_PICTURES=docs $(RUN) -m pytest -n 0 tests/console/test_pictures.py

console-proof: environment  ## Time 900 lights until a wall shows them, and have Wi-Fi away for 30 s (needs a Chromium)
	@CHARGELIGHT_TEST_BROWSER=required CHARGELIGHT_TEST_LIGHTS=300 CHARGELIGHT_TEST_AWAY_SECONDS=30 $(RUN) -m pytest -n 0 -s --timeout 900 tests/console/test_painted.py tests/console/test_away.py

fuzz: environment  ## Fuzz all that a device can send, a million inputs each (an hour; ARGS="frames --runs 9999")
	@$(RUN) -m tests.fuzz $(or $(ARGS),all)

capacity: environment  ## Print what a hub of a given size needs (ARGS="--devices 20000 --interval 5")
	@$(RUN) -m tools.capacity $(ARGS)

simulate-storm: environment  ## Simulate a million devices that reconnect at once (ARGS="--killed 8", ARGS=--help)
	@$(RUN) -m tools.capacity.storm $(ARGS)

chart: validators  ## Validate the Helm chart for the oldest and the newest Kubernetes
	@$(WITH_VALIDATORS) $(RUN) -m pytest -n 0 tests/deploy $(ARGS)

aws: validators  ## Lint and check the templates for AWS
	@$(WITH_VALIDATORS) $(RUN) -m pytest -n 0 tests/deploy_aws $(ARGS)

validators: environment $(VALIDATORS)/validators.lock  ## Install what `make chart` and `make aws` need into .cache/validators

bundle: environment  ## Write dist/chargelight-….tar.gz, for a site without internet (ARGS="--arch arm64", ARGS=--help)
	@$(RUN) -m tools.bundle $(ARGS)

bundle-proof: bundle  ## Make the whole bundle, install it where there is no network, and light a light
	@CHARGELIGHT_TEST_BUNDLE=$$(ls -t dist/chargelight-*.tar.gz | head -n 1) $(RUN) -m pytest -n 0 tests/e2e/test_bundle.py

sbom: $(SUPPLY)/supply.lock  ## List what each image holds in dist/sbom (CycloneDX), and check the licences
	@$(SUPPLY)/bin/python -m tools.supply.sbom

audit: $(SUPPLY)/supply.lock  ## Ask for known vulnerabilities (error 3: their data cannot be reached)
	@$(SUPPLY)/bin/python -m tools.supply.audit

# Copies inside the environment say what is installed there: each is made last, so that an
# interrupted installation is repeated. An environment that lost its Python is replaced too.
environment: $(VENV)/pyproject.toml  ## Install the project and its tools into .venv

ifneq ($(wildcard $(VENV)/requirements-dev.lock),)
ifneq ($(shell $(RUN) -c 'print("works")' 2>/dev/null),works)
.PHONY: $(VENV)/requirements-dev.lock
endif
endif

PIP_INSTALL := -m pip install -qq --disable-pip-version-check

$(VENV)/requirements-dev.lock: requirements-dev.lock
	@echo "Preparing $(VENV) (once, and whenever requirements-dev.lock changes) ..."
	@$(PYTHON) -m venv --clear $(VENV)
	@$(RUN) $(PIP_INSTALL) --require-hashes --requirement $<
	@cp $< $@

# The project itself, as `chargelight`, `chargelight-registry` and `chargelight-simulator`.
$(VENV)/pyproject.toml: pyproject.toml $(VENV)/requirements-dev.lock
	@$(RUN) $(PIP_INSTALL) --no-build-isolation --no-deps --editable .
	@cp $< $@

$(VALIDATORS)/validators.lock: deploy/requirements/validators.lock $(VENV)/requirements-dev.lock
	@rm -rf $(VALIDATORS)
	@$(RUN) $(PIP_INSTALL) --target $(VALIDATORS) --require-hashes --requirement $<
	@cp $< $@

$(SUPPLY)/supply.lock: deploy/requirements/supply.lock
	@$(PYTHON) -m venv --clear $(SUPPLY)
	@$(SUPPLY)/bin/python $(PIP_INSTALL) --require-hashes --requirement $<
	@cp $< $@
