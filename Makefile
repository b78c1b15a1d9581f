# `make setup | demo | test | test-all | soak | check | bench | docs` is all that anyone needs; Python 3.11 or newer and make are enough.
SHELL := /bin/bash
.SHELLFLAGS := -euo pipefail -c
.DELETE_ON_ERROR:

VENV   := .venv
PY     := $(VENV)/bin/python
PYTEST := $(PY) -m pytest
# Each file in one process, in order: the long ones of few tests (crashes) do not come last. What waits much goes well three at a time.
FILES  := --dist loadfile --no-loadscope-reorder
SDK    := .venvs/conductor-python
JSSDK  := .venvs/javascript
PYV1   := .venvs/conductor-py
JSV1   := .venvs/conductor-node
OIDC   := .venvs/oidc-provider
PYTHON ?= $(firstword $(foreach name,python3.11 python3.12 python3.13 python3.14 python3,$(shell command -v $(name))))

# Each start of Python would compile everything anew: seconds of CPU, hundreds of times.
unexport PYTHONDONTWRITEBYTECODE

export STAGEDOOR_SDK_PYTHON := $(CURDIR)/$(SDK)/bin/python
export STAGEDOOR_SDK_JAVASCRIPT := $(CURDIR)/$(JSSDK)
export STAGEDOOR_CONDUCTOR_PY := $(CURDIR)/$(PYV1)/bin/python
export STAGEDOOR_CONDUCTOR_NODE := $(CURDIR)/$(JSV1)
export STAGEDOOR_OIDC_PROVIDER := $(CURDIR)/$(OIDC)

# $(call install,ENVIRONMENT,ARGUMENTS): uv where it is there, else the environment's own pip.
install = if command -v uv >/dev/null; then uv pip install -q --python $(1)/bin/python $(2); \
	else $(1)/bin/python -m pip install -q --no-compile --disable-pip-version-check $(2); fi
locked = $(call install,$(1),--require-hashes $(foreach lock,$(2),-r requirements/$(lock).lock))

.PHONY: setup environments demo test test-all test-rest soak check bench docs clean lock

setup: $(VENV)/.dev $(SDK)/.ready
environments: setup $(JSSDK)/.ready $(PYV1)/.ready $(JSV1)/.ready $(OIDC)/.ready

$(VENV)/bin/python:
	@test -n "$(PYTHON)" || { echo "Python 3.11 or newer is needed" >&2; exit 1; }
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { echo "Python 3.11 or newer is needed: $(PYTHON) is older" >&2; exit 1; }
	@if command -v uv >/dev/null; then uv venv -q --python $(PYTHON) $(VENV); else $(PYTHON) -m venv $(VENV); fi

$(VENV)/.base: requirements/base.lock requirements/build.lock pyproject.toml | $(VENV)/bin/python
	@$(call locked,$(VENV),base build)
	@$(call install,$(VENV),--no-build-isolation --no-deps -e .)
	@touch $@

$(VENV)/.dev: requirements/dev.lock $(VENV)/.base
	@$(call locked,$(VENV),dev)
	@touch $@

$(SDK)/.ready: requirements/demo.lock | $(VENV)/bin/python
	@mkdir -p .venvs
	@if command -v uv >/dev/null; then uv venv -q --clear --python $(PYTHON) $(SDK); else $(PYTHON) -m venv --clear $(SDK); fi
	@$(call locked,$(SDK),demo)
	@touch $@

$(JSSDK)/.ready: $(addprefix tests/sdk/javascript/,package.json package-lock.json .npmrc)
	@command -v npm >/dev/null || { echo "node and npm are needed for the JavaScript SDK" >&2; exit 1; }
	@mkdir -p $(JSSDK)
	@cp $^ $(JSSDK)/
	@cd $(JSSDK) && npm ci --ignore-scripts --silent
	@touch $@

# The SDKs of /v1: conductor-py has an environment of its own, because it shares its import name with conductor-python.
$(PYV1)/.ready: requirements/conductor-py.lock | $(VENV)/bin/python
	@mkdir -p .venvs
	@if command -v uv >/dev/null; then uv venv -q --clear --python $(PYTHON) $(PYV1); else $(PYTHON) -m venv --clear $(PYV1); fi
	@$(call locked,$(PYV1),conductor-py)
	@touch $@

$(JSV1)/.ready: $(addprefix tests/sdk/conductor_node/,package.json package-lock.json .npmrc)
	@command -v npm >/dev/null || { echo "node and npm are needed for the JavaScript SDK" >&2; exit 1; }
	@mkdir -p $(JSV1)
	@cp $^ $(JSV1)/
	@cd $(JSV1) && npm ci --ignore-scripts --silent
	@touch $@

$(OIDC)/.ready: $(addprefix tests/connect/provider/,package.json package-lock.json .npmrc)
	@command -v npm >/dev/null || { echo "node and npm are needed for the OpenID provider" >&2; exit 1; }
	@mkdir -p $(OIDC)
	@cp $^ $(OIDC)/
	@cd $(OIDC) && npm ci --ignore-scripts --silent
	@touch $@

demo:
	@$(MAKE) -s -j2 $(VENV)/.base $(SDK)/.ready
	@$(VENV)/bin/stagedoor demo $(DEMO)

# Everything quick that needs nothing but this machine: no PostgreSQL, no crashes, no long counts, the corpus only where it is named.
test: setup
	@if [ -z "$${STAGEDOOR_CORPUS:-}" ]; then echo "STAGEDOOR_CORPUS is not set: the tests over the corpus are left out"; fi
	@$(PYTEST) -q -n 3 $(FILES) -m "not soak and $(QUICK)$(if $(STAGEDOOR_CORPUS),, and not corpus)" $(TESTS)

# Everything but the long counts; first, with nothing beside it, what compares times (`alone`). What is missing is a failure, not a skip.
# `make test-rest`: what of it `make test` leaves out.
QUICK := not slow and not postgres and not sdk_js
REQUIRED := STAGEDOOR_REQUIRE_POSTGRES=1 STAGEDOOR_REQUIRE_CORPUS=1 STAGEDOOR_REQUIRE_SDK=1 STAGEDOOR_REQUIRE_CRASH=1 STAGEDOOR_REQUIRE_BROWSER=1
test-all: MARKED := not soak
test-rest: MARKED := not soak and (corpus or not ($(QUICK)))
test-all test-rest: environments
	@test -d "$${STAGEDOOR_CORPUS:-}" || { echo "STAGEDOOR_CORPUS must name the folder of the corpus" >&2; exit 1; }
	@$(REQUIRED) $(PYTEST) -q -m "alone and $(MARKED)" $(TESTS) || [ $$? -eq 5 ]  # 5: TESTS names none of these
	@$(REQUIRED) $(PYTEST) -q -n 3 $(FILES) -m "not alone and $(MARKED)" $(TESTS)

soak: setup
	@STAGEDOOR_REQUIRE_POSTGRES=1 $(PYTEST) -q -m soak --timeout 3600 $(TESTS)

check: $(VENV)/.dev
	@$(PY) -m ruff check src tests scripts $(wildcard bench)
	@$(PY) -m mypy
	@$(PYTEST) -q tests/laws
	@$(PY) scripts/promises.py --check
	@$(PY) scripts/permissions.py --check

bench: setup
	@$(PY) -m bench $(BENCH)

docs: $(VENV)/.dev
	@$(PY) scripts/promises.py
	@$(PY) scripts/permissions.py

lock:
	@test -x .venvs/lock/bin/pip-compile || { $(PYTHON) -m venv .venvs/lock && .venvs/lock/bin/python -m pip install -q pip-tools; }
	@PATH=$(CURDIR)/.venvs/lock/bin:$$PATH bash scripts/lock.sh

clean:
	rm -rf $(VENV) .venvs build dist .mypy_cache .ruff_cache .pytest_cache .hypothesis
	find . -name __pycache__ -not -path './.git/*' -prune -exec rm -rf {} +
