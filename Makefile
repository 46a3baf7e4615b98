# `make demo` and `make test` do everything that they need on a bare Debian 12 machine, as root or with sudo.
.PHONY: demo test long setup lint bench clean
.DEFAULT_GOAL := test

BIN := .venv/bin
WORKERS ?= 2
# More arguments for pytest, such as `make test PYTEST="-k sandbox"`.
PYTEST ?=
# Arguments for the benchmarks, such as `make bench BENCH="--only start"`.
BENCH ?=
# Hundreds of tests start kvmctl as a user does: it must not be compiled anew each time.
unexport PYTHONDONTWRITEBYTECODE
# A sandbox makes namespaces and mounts: root only.
ROOT := $(if $(filter 0,$(shell id -u)),,sudo -E)

demo: setup
	@$(ROOT) env PATH="$(CURDIR)/$(BIN):$$PATH" kvmctl sandbox -- sh manifests/demo.sh

test: lint
	@$(ROOT) $(BIN)/pytest -n $(WORKERS) $(PYTEST)

# 200 random pairs of manifests; a failure tells its seed, which `make long PYTEST="--seed 7"` plays again.
long: setup
	@$(ROOT) $(BIN)/pytest tests/test_plans_are_true.py --long $(PYTEST)

lint: setup
	@$(BIN)/ruff check --quiet
	@$(BIN)/ruff format --quiet --check
	@$(BIN)/mypy --strict

bench: setup
	@$(ROOT) $(BIN)/python tests/benchmarks/run.py $(BENCH)

setup:
	@.ci/setup

clean:
	rm -rf .venv build dist *.egg-info .mypy_cache .pytest_cache .ruff_cache .hypothesis
