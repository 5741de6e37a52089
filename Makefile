# Every command here runs from a clean clone: `setup` comes first by itself and does nothing once it is done.

PYTHON_IN_VENV := .venv/bin/python
EPISODES ?= 5
ROUNDS ?= 4
TEST_WORKERS ?= 5

.DEFAULT_GOAL := help
.PHONY: help setup demo test lint bench-env train-embedded clean

help: ## what can be made
	@echo "webagent: an agent that reads a web page as HTML and as screenshots, and acts on it"
	@echo
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-16s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)
	@echo
	@echo "Then, for everything else: .venv/bin/webagent --help"

setup: ## .venv with all packages, and a Chromium that starts
	@scripts/setup.sh

demo: setup ## the embedded agent on sixteen tasks, with a page of pictures in demo/ (under 2 minutes)
	.venv/bin/webagent bench --suite thin16 --policy embedded --episodes $(EPISODES) --report demo --pictures 2

test: setup ## all tests, on a real browser; more workers than cores, as they wait for it
	$(PYTHON_IN_VENV) -m pytest -q -n $(TEST_WORKERS) --dist worksteal

lint: .venv/dev-done ## ruff and pyright
	.venv/bin/ruff check .
	.venv/bin/ruff format --check .
	.venv/bin/pyright

.venv/dev-done: pyproject.toml | setup
	$(PYTHON_IN_VENV) -m pip install --quiet --disable-pip-version-check -e '.[dev]'
	@touch $@

bench-env: setup ## reset and step beside BrowserGym and Farama's miniwob (some minutes)
	$(PYTHON_IN_VENV) benchmarks/bench_env.py --rounds $(ROUNDS)

train-embedded: setup ## the next embedded checkpoint, which goes on from the present one (hours on 2 cores)
	$(PYTHON_IN_VENV) scripts/train_embedded.py --work runs/embedded

clean: ## removes what was built and installed here, not your data/ and runs/
	rm -rf .venv .bench build dist demo *.egg-info .pytest_cache .ruff_cache .hypothesis
	find . -name __pycache__ -type d -prune -exec rm -rf {} +
