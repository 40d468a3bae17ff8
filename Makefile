# Everything runs in one .venv with the exact versions of requirements.lock, development, documentation and notebooks included.
# It is made on the first call and again only when requirements.lock or pyproject.toml changes.

.DEFAULT_GOAL := help
.PHONY: help forecast test test-quick test-reference check lint kernels format docs example experiments lock audit sbom safety wheel bench clean

VENV := .venv
BIN := $(VENV)/bin
READY := $(VENV)/.ready
PIP := $(BIN)/python -m pip --disable-pip-version-check
PYTEST := OMP_NUM_THREADS=1 $(BIN)/python -m pytest
ON_ALL := -n auto --dist worksteal

help: ## what can be made
	@sed -n 's/^\([a-z-]*\):.*## \(.*\)/\1|\2/p' $(MAKEFILE_LIST) | while IFS='|' read -r target what; do \
		printf '  make %-14s %s\n' "$$target" "$$what"; done

forecast: $(READY) ## next month's exports for every destination, from the shipped data
	@$(BIN)/forecast next

test: $(READY) ## the whole test suite
	$(PYTEST) $(ON_ALL)

test-quick: $(READY) ## the tests that take under half a second each
	$(PYTEST) -n 2 --dist worksteal -m "not slow"

test-reference: $(READY) ## what an engine changes once more, fitted by statsmodels and Prophet
	$(PYTEST) $(ON_ALL) --engine reference

check: $(READY) ## all that continuous integration runs: style, types, the site with every notebook, the suite, its quick part by reference
	@$(MAKE) --no-print-directory --jobs=2 lint docs kernels
	$(PYTEST) $(ON_ALL)
	$(PYTEST) $(ON_ALL) -m "not slow" --engine reference

lint: $(READY) ## style and types
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

kernels: $(READY) ## the kernels compiled once, which processes that begin together would each do for themselves
	@OMP_NUM_THREADS=1 $(BIN)/forecast next --product gallium --no-calibrate --no-cache --quiet --output build/kernels

format: $(READY) ## mend what the formatter and the linter can mend
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

docs: $(READY) ## the documentation's site, every notebook run, in build/docs; a warning is an error
	OMP_NUM_THREADS=1 $(BIN)/python -m sphinx --builder html --conf-dir docs --fail-on-warning --keep-going --quiet . build/docs
	@echo "build/docs/index.html"

example: $(READY) ## the example brief of the shipped figures and its picture, in docs/
	OMP_NUM_THREADS=1 $(BIN)/python docs/make_example.py

experiments: $(READY) ## run every experiment from its settings into its results, and write experiments/README.md
	OMP_NUM_THREADS=1 $(BIN)/python experiments/run.py

lock: $(READY) ## the newest versions that fit pyproject.toml, for Python 3.11 to 3.13, with hashes, into requirements.lock
	printf 'editables\nhatchling\nuv\n' | $(BIN)/uv pip compile pyproject.toml - --extra dev --universal --python-version 3.11 \
		--upgrade --generate-hashes --no-header --no-annotate --no-emit-index-url --no-emit-find-links --quiet -o requirements.lock

audit: $(READY) ## known vulnerabilities of the locked versions, or a sentence that they could not be looked up
	@$(BIN)/python -m pip_audit --version >/dev/null 2>&1 || { \
		echo "pip-audit is not installed: $(BIN)/python -m pip install pip-audit, then make audit. Nothing was checked." >&2; \
		exit 1; }
	@$(BIN)/python -m pip_audit --strict --require-hashes --disable-pip -r requirements.lock --progress-spinner off || { \
		echo "Not a clean bill: either findings above, or versions that could not be looked up (no network, or an index \
	without the database of vulnerabilities)." >&2; exit 1; }

sbom: $(READY) ## a bill of materials of what is installed, as CycloneDX JSON, in build/sbom.json
	@mkdir -p build
	@$(BIN)/python benchmarks/bill_of_materials.py >build/sbom.json
	@echo "build/sbom.json"

safety: $(READY) ## every kill, full disk, damaged folder and setting of benchmarks/safety.md: some hours
	OMP_NUM_THREADS=1 $(BIN)/python -W ignore tests/safety/determinism.py
	OMP_NUM_THREADS=1 $(BIN)/python -W ignore tests/safety/damage.py
	OMP_NUM_THREADS=1 $(BIN)/python -W ignore tests/safety/crash.py

wheel: $(READY) ## a wheel with the shipped data inside, in dist/
	$(BIN)/python -m build --wheel --no-isolation

bench: $(READY) ## what the compiled kernels save, what `forecast next` costs on the shipped data, and where its time goes
	@$(BIN)/python benchmarks/kernels.py
	@$(BIN)/python benchmarks/speed.py --rounds 3

clean: ## remove .venv and whatever was built or cached
	rm -rf $(VENV) build dist .pytest_cache .mypy_cache .ruff_cache .hypothesis
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

# A name like python3.12 may be on the path without a Python behind it, so each is tried; PYTHON=... is tried first.
FIND_PYTHON = for python in $(PYTHON) python3.13 python3.12 python3.11 python3 python; do \
	"$$python" -c 'import sys, venv, ensurepip; sys.exit(not (3, 11) <= sys.version_info[:2] <= (3, 13))' \
		2>/dev/null && break; python=; done; \
	test -n "$$python" || { echo "Python 3.11, 3.12 or 3.13 (with venv) is needed and none was found:\
	install one, or name it with PYTHON=/path/to/python." >&2; exit 1; }

$(READY): requirements.lock pyproject.toml
	@$(PIP) --version >/dev/null 2>&1 || { $(FIND_PYTHON); \
		echo "Setting up $(VENV) with $$("$$python" --version): once, some minutes."; "$$python" -m venv --clear $(VENV); }
	@$(PIP) install --quiet --require-hashes -r requirements.lock
	@$(PIP) install --quiet --no-deps --no-build-isolation --editable .
	@touch $@
