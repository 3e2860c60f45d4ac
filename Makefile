# The commands of this project (house style, section 12). `make help` lists them.
#
# A fresh machine needs Python 3.11 or newer with `venv`, make, and nothing else. Everything is installed into
# $(VENV) from the locked, hashed files in requirements/. BOOTSTRAP=python3.13 says which Python; once $(VENV) is
# there, its own is used.
# A virtual environment that holds a file `.unmanaged` is used as it is: nothing is installed into it.

SHELL := /bin/bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help
MAKEFLAGS += --no-print-directory

BOOTSTRAP ?= python3
VENV ?= .venv
PY := $(VENV)/bin/python
RELTO := PYTHONPATH=src $(PY) -m relto
WORKERS ?= 2
PYTEST := $(PY) -m pytest
QUICK := not slow and not browser and not spark and not fuzz

# An assertion is a promise; a run without them is not a run of this program.
unexport PYTHONOPTIMIZE

# ---------------------------------------------------------------- setting up
# One stamp for each lock: its name carries the digest of what was installed.
# The lock is also handed over as constraints (-c): where a package asks for another with an extra, older
# pips take the newest of that other one, and refuse it because it is not the one in the lock.

digest = $(shell cat requirements/$(1).txt pyproject.toml 2>/dev/null | sha256sum | cut -c1-16)
stamp = $(VENV)/.stamp-$(1)-$(call digest,$(1))

# Where its Python has gone, because the system has got a newer one, nothing is installed any more.
ifneq ($(shell [ -x $(PY) ] && echo there),there)
  $(shell rm -f $(VENV)/.stamp-*)
endif

define no_venv
import sys
if sys.version_info < (3, 11):
    sys.exit("relto needs Python 3.11 or newer, and this is %d.%d; name another: make BOOTSTRAP=python3.12 ..." % sys.version_info[:2])
try:
    import ensurepip, venv
except ImportError:
    sys.exit("this Python has no `venv`; on Debian and its like: apt install python3-venv; then make again")
endef
export no_venv

# Half a virtual environment, of a run that was interrupted, is made anew.
define install
@if [ -e $(VENV)/.unmanaged ]; then echo "using $(VENV) as it is" >&2; else \
	  $(PY) -c 'import pip' 2>/dev/null || { $(BOOTSTRAP) -c "$$no_venv"; $(BOOTSTRAP) -m venv --clear $(VENV); }; \
	  echo "installing requirements/$(1).txt into $(VENV)" >&2; \
	  $(PY) -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements/$(1).txt -c requirements/$(1).txt; \
	  $(PY) -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation -e .; \
	  rm -f $(VENV)/.stamp-$(1)-*; touch $@; fi
endef

$(call stamp,base):
	$(call install,base)

$(call stamp,test):
	$(call install,test)

$(call stamp,bench): $(call stamp,test)
	$(call install,bench)

$(call stamp,spark): $(call stamp,test)
	$(call install,spark)

$(call stamp,deep): $(call stamp,test)
	$(call install,deep)

$(call stamp,lock):
	$(call install,lock)


.PHONY: help setup setup-base setup-bench setup-spark setup-deep fmt lint types imports test check cover \
        slow sim integration fuzz mutate reach docs bench bench-bulk bench-decide bench-exchange bench-journal bench-law lock changelog all demo clean

help: ## list the commands
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/^([a-z-]+):[^#]*## ?/\1\t/' | expand -t 18

setup: $(call stamp,test) ## virtual environment with the locked tools

setup-base: $(call stamp,base) ## the same with the product alone

setup-bench: $(call stamp,bench)
setup-spark: $(call stamp,spark)
setup-deep: $(call stamp,deep)

# ---------------------------------------------------------------- everyday

fmt: setup ## format and autofix
	$(PY) -m ruff format .
	$(PY) -m ruff check --fix .

lint: setup ## ruff: rules and format
	$(PY) -m ruff check .
	$(PY) -m ruff format --check .

types: setup ## mypy, strict
	$(PY) -m mypy

imports: setup ## import-linter: who may import whom
	PYTHONPATH=src $(VENV)/bin/lint-imports --no-cache --no-logo

test: setup ## every test that is quick: unit, property, vectors, sim (short), integration, architecture, docs
	$(PYTEST) -n $(WORKERS) -m "$(QUICK)" $(ARGS)

check: lint types imports test ## all of the above; what you run before review, and what CI runs

# The core promises every branch, the shells nine in ten (house style, section 10). The made-up examples are the
# same every time, so that a bar is not missed by chance.
SHELLS := */relto/__main__.py,*/relto/adapters/*,*/relto/cli/*,*/relto/console/*,*/relto/driver/*,*/relto/ports/*,*/relto/sim/*
cover: setup ## the quick tests with branch coverage, and its two bars
	RELTO_HYPOTHESIS=steady $(PYTEST) -n $(WORKERS) -m "$(QUICK)" --cov --cov-report= $(ARGS)
	$(PY) -m coverage report --omit='$(SHELLS)' --fail-under=100
	$(PY) -m coverage report --include='$(SHELLS)' --fail-under=90

# ---------------------------------------------------------------- the slow rooms

# SEED replays one run, SEEDS plays as many fresh ones, both together as many from SEED on; SCENARIO picks one story.
sim: setup ## simulate: make sim [SEED=n] [SEEDS=n] [SCENARIO=name]
	RELTO_SIM_SEED="$(SEED)" RELTO_SIM_SEEDS="$(SEEDS)" RELTO_SIM_SCENARIO="$(SCENARIO)" \
	  $(PYTEST) -n $(WORKERS) tests/sim $(ARGS)

# Tests outside the slow rooms that take longer than a quick one may.
slow: setup ## the slow tests of the quick rooms
	$(PYTEST) -n $(WORKERS) -m "slow and not browser and not spark and not fuzz" --ignore tests/sim \
	  --ignore tests/integration $(ARGS)

integration: setup ## real disks, sockets on loopback, processes; the slow ones too
	$(PYTEST) tests/integration -m "not browser and not spark" $(ARGS)

fuzz: setup-deep ## the tests that need the fuzzing engine
	$(PYTEST) -m "fuzz" $(ARGS)

mutate: setup-deep ## faults on purpose in decide/: which does no test notice? [MODULES="rules view"]
	WORKERS=$(WORKERS) $(PY) tools/mutate.py $(MODULES)

reach: setup-spark ## the engines that need a Java runtime: Spark in local mode
	$(PYTEST) -m "spark" $(ARGS)

# ---------------------------------------------------------------- pages

docs: setup ## regenerate the reference and the ADR index; check the links
	$(PY) tools/adr_index.py
	PYTHONPATH=src $(PY) tools/errors_reference.py
	PYTHONPATH=src $(PY) tools/commands_reference.py
	PYTHONPATH=src $(PY) tools/exchange_tables.py
	$(PYTEST) tests/docs

changelog: setup ## print the unreleased changes; with VERSION= and DATE=, release them
	$(PY) tools/changelog.py $(VERSION) $(DATE)

# ---------------------------------------------------------------- measuring

bench: bench-decide bench-bulk bench-exchange bench-journal bench-law ## measure beside the peers

bench-decide: setup-bench
	PYTHONPATH=src $(PY) -m bench.decide $(ARGS)

bench-bulk: setup-bench
	PYTHONPATH=src $(PY) -m bench.bulk $(ARGS)
	PYTHONPATH=src $(PY) -m bench.traffic

bench-exchange: setup-bench
	PYTHONPATH=src $(PY) -m bench.exchange $(ARGS)

bench-journal: setup
	PYTHONPATH=src $(PY) -m bench.journal $(ARGS)
	PYTHONPATH=src $(PY) -m bench.years $(ARGS)

bench-law: setup
	PYTHONPATH=src $(PY) -m bench.law $(ARGS)

# ---------------------------------------------------------------- locks

COMPILE = CUSTOM_COMPILE_COMMAND="make lock" $(PY) -m piptools compile --quiet --generate-hashes --strip-extras \
  --allow-unsafe --no-emit-index-url --no-emit-find-links --no-emit-trusted-host --no-emit-options $(UPGRADE)

lock: $(call stamp,lock) ## compile requirements/*.txt; UPGRADE=--upgrade takes newer versions
	$(COMPILE) -o requirements/base.txt pyproject.toml requirements/build.in
	$(COMPILE) -o requirements/test.txt -c requirements/base.txt --extra postgres --extra bulk --extra picture \
	  --extra analysis --extra reach pyproject.toml requirements/build.in requirements/test.in
	$(COMPILE) -o requirements/bench.txt -c requirements/test.txt requirements/build.in requirements/bench.in
	$(COMPILE) -o requirements/deep.txt -c requirements/test.txt requirements/build.in requirements/deep.in
	$(COMPILE) -o requirements/spark.txt -c requirements/test.txt --extra spark pyproject.toml requirements/build.in
	$(COMPILE) -o requirements/lock.txt requirements/build.in requirements/lock.in

# ---------------------------------------------------------------- the whole

all: check cover slow sim integration ## everything, with coverage

demo: setup-base ## three nodes on this machine, one pact, one crisis
	$(RELTO) demo $(ARGS)

clean: ## remove what tools wrote; the virtual environment stays
	rm -rf build dist htmlcov .coverage .coverage.* .mypy_cache .ruff_cache .pytest_cache .hypothesis \
	  .import_linter_cache mutants .relto-demo
	find . -name __pycache__ -not -path './$(VENV)/*' -prune -exec rm -rf {} +
