# The menu: `make help`. Every target sets up what it needs; nothing has to be installed first.
SHELL := /bin/bash
.SHELLFLAGS := -eu -o pipefail -c
.DEFAULT_GOAL := help
MAKEFLAGS += --no-print-directory

export BATCHAI_HOME ?= $(HOME)/.cache/batchai
export PYTHONDONTWRITEBYTECODE := 1
export PYTHONUNBUFFERED := 1
export PYTHONSAFEPATH := 1
export PYTHONPATH := $(CURDIR)/operator:$(CURDIR)/devcluster

NODES ?= 2
GPUS ?= 1
export BATCHAI_PROVIDER ?= auto
PROVIDER ?= $(BATCHAI_PROVIDER)
override BATCHAI_PROVIDER := $(PROVIDER)
PYTEST_ARGS ?=
LINTED = operator devcluster tests examples benchmarks
FUZZTIME ?= 60s
FUZZ = plan/FuzzParse expand/FuzzShared record/FuzzFit \
  meeting/FuzzStrangers meeting/FuzzFrames meeting/FuzzReports

# First words of a recipe: make the environment if need be, and use it.
WITH_VENV = venv="$$(requirements/bootstrap.sh)"; export PATH="$$venv/bin:$$PATH"
DEVCLUSTER = python -m batchai_devcluster

##@ Start here

.PHONY: help
help: ## Show this menu
	@awk 'BEGIN {FS = ":.*## "} /^##@/ {printf "\n\033[1m%s\033[0m\n", substr($$0, 5)} \
	  /^[a-z-]+:.*## / {printf "  \033[36m%-16s\033[0m %s\n", $$1, $$2}' $(MAKEFILE_LIST)

.PHONY: demo
demo: ## Run the main job for real: distributed TensorFlow from a Batch AI job.json
	@$(WITH_VENV); $(DEVCLUSTER) up --nodes $(NODES) --gpus $(GPUS); \
	  python examples/tensorflow-distributed/demo.py

.PHONY: test
test: ## Run all tests: units in seconds, then against a real Kubernetes
	@$(MAKE) test-unit
	@$(MAKE) test-cluster

##@ A real Kubernetes on this machine

.PHONY: up
up: ## Start the cluster (NODES=2 GPUS=1 CSI=none PROVIDER=auto|kind|devcluster|kubeconfig)
	@$(WITH_VENV); $(DEVCLUSTER) up --nodes $(NODES) --gpus $(GPUS)

.PHONY: down
down: ## Stop it and remove every trace of it
	@$(WITH_VENV); $(DEVCLUSTER) down

.PHONY: status
status: ## Say what runs
	@$(WITH_VENV); $(DEVCLUSTER) status

.PHONY: kubeconfig
kubeconfig: ## Print the path of its kubeconfig
	@$(WITH_VENV); $(DEVCLUSTER) kubeconfig

.PHONY: env
env: ## Print shell exports for kubectl, helm and batchai: eval "$(make -s env)"
	@$(WITH_VENV); $(DEVCLUSTER) env; echo "export PATH=\"$$venv/bin:\$$PATH\""

.PHONY: guide
guide: ## Prepare docs/guide/storage.md on it, print exports: eval "$(make -s guide)"
	@$(WITH_VENV); $(DEVCLUSTER) guide; echo "export PATH=\"$$venv/bin:\$$PATH\""

.PHONY: images
images: ## Build the operator, launcher and node images and load them
	@$(WITH_VENV); $(DEVCLUSTER) image ensure operator launcher node

.PHONY: clean-cache
clean-cache: ## Remove all that was built, downloaded and cached, and nothing else
	@$(WITH_VENV); $(DEVCLUSTER) clean-cache
	@rm -rf -- "$(BATCHAI_HOME)/venv"; rmdir -- "$(BATCHAI_HOME)" 2>/dev/null || true

##@ Tests

.PHONY: test-unit
test-unit: ## Unit tests: Python, the launcher, the storage stand-in (no cluster)
	@$(WITH_VENV); python -m pytest -m "not cluster" $(PYTEST_ARGS)
	@$(WITH_VENV); $(DEVCLUSTER) go -C launcher test ./...
	@$(WITH_VENV); $(DEVCLUSTER) go -C devcluster/storage test ./...

.PHONY: test-cluster
test-cluster: ## Tests against the real cluster, which is started and stopped if none runs
	@$(WITH_VENV); python -m pytest -m cluster $(PYTEST_ARGS)
	@# The chart's unit tests need Helm, which is built by now; without it they were skipped.
	@$(WITH_VENV); python -m pytest -q tests/unit/chart

.PHONY: crash
crash: ## Kill the operator after each of its API writes, take its API server away (10 minutes)
	@echo "The operator is killed about 40 times; this takes about 10 minutes on 2 cores."
	@$(WITH_VENV); python -m pytest --full tests/cluster/test_crash_at_every_write.py \
	  tests/cluster/test_volume_crashes.py \
	  tests/cluster/test_api_trouble.py tests/cluster/test_takeover.py $(PYTEST_ARGS)

.PHONY: bytes
bytes: ## Not a byte lost: kill and break everything while jobs write (about 7 minutes)
	@echo "About 7 minutes once the cluster runs: 18 cells of the matrix, three shares that stay away."
	@$(WITH_VENV); python -m pytest --full tests/cluster/test_no_byte_lost.py $(PYTEST_ARGS)

.PHONY: anyinput
anyinput: ## Any object, text and frame: 10,000 objects, then a minute per fuzz target (10 minutes)
	@echo 'Any input in full: some 10 minutes, an estimate for an idle machine of 2 cores.'
	@$(WITH_VENV); python -m pytest --full tests/cluster/test_any_object.py \
	  tests/cluster/test_any_text.py tests/unit/planner/test_any_record.py $(PYTEST_ARGS)
	@$(WITH_VENV); for target in $(FUZZ); do $(DEVCLUSTER) go -C launcher test -run '^$$' \
	  -fuzz "^$${target#*/}$$" -fuzztime $(FUZZTIME) "./internal/$${target%/*}"; done

SECURITY = strangers forgeries roles escapes wishes names_and_paths secrets operator_pod \
  namespaced_install rights

.PHONY: security
security: ## Security tests on the real cluster (about 4 minutes; part of test-cluster)
	@$(WITH_VENV); python -m pytest $(PYTEST_ARGS) $(SECURITY:%=tests/cluster/test_%.py)

##@ How fast

# Benchmarks find themselves below the root, which nothing else may.
BENCH ?=
MINUTES ?= 60
IN_ROOT = PYTHONPATH="$$PYTHONPATH:$(CURDIR)"

.PHONY: bench
bench: ## Benchmarks as Markdown, 15 minutes (BENCH=start,logs, or bench-start, for some)
	@$(WITH_VENV); $(IN_ROOT) python -m benchmarks $(BENCH)

bench-%:
	@$(MAKE) bench BENCH=$*

.PHONY: churn
churn: ## Make and delete jobs for MINUTES=60; fails when memory, files or objects grow
	@$(WITH_VENV); $(IN_ROOT) python -m benchmarks.churn --minutes $(MINUTES)

##@ The house

.PHONY: check
check: lint types imports verify ## All checks that need no cluster

.PHONY: fmt
fmt: ## Format Python and Go
	@$(WITH_VENV); ruff format $(LINTED); \
	  ruff check --fix -q $(LINTED) || true

.PHONY: lint
lint: ## Lint and spell-check
	@$(WITH_VENV); ruff check $(LINTED); \
	  ruff format --check $(LINTED); codespell

.PHONY: types
types: ## Type-check
	@$(WITH_VENV); mypy

.PHONY: imports
imports: ## Hold the layers
	@$(WITH_VENV); lint-imports --no-cache

.PHONY: generate
generate: ## Write CRDs, their chart copies and the reference from the models
	@$(WITH_VENV); python -m batchai_operator.model.generate

.PHONY: verify
verify: ## Fail when anything generated is out of date
	@$(WITH_VENV); python -m batchai_operator.model.generate --check

.PHONY: lock
lock: ## Pin the dependencies anew (needs uv)
	uv pip compile -q pyproject.toml --group dev --extra storage --python-version 3.11 --universal \
	  --generate-hashes --no-header --no-annotate --no-emit-index-url -o requirements/dev.lock
	uv pip compile -q pyproject.toml --extra storage --python-version 3.11 --universal \
	  --generate-hashes --no-header --no-annotate --no-emit-index-url -c requirements/dev.lock \
	  -o requirements/operator.lock
