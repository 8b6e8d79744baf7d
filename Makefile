# make demo: the main job, from a bare clone.  make test: all tests.  Both make the environment first.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/.installed
TEST_JOBS ?= 2

.PHONY: demo test lint docs bench fuzz chaos accuracy accuracy-comm clean

demo: $(STAMP)
	@$(BIN)/clusterctl demo

test: $(STAMP)
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/python docs/generate.py --check
	$(BIN)/pytest -n $(TEST_JOBS) --dist loadfile --no-loadscope-reorder $(PYTEST_ARGS)

lint: $(STAMP)
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .
	$(BIN)/mypy

docs: $(STAMP)
	$(BIN)/python docs/generate.py

bench: $(STAMP)
	$(BIN)/python -m tests.bench

SEEDS ?= 200
START ?= 1
JOBS ?= 2

chaos: $(STAMP)
	$(BIN)/python -m tests.chaos --seeds $(SEEDS) --start $(START) --jobs $(JOBS)

# fleets whose truth is known: make accuracy SEEDS=500 JOBS=2 (docs/accuracy.md)
accuracy: $(STAMP)
	$(BIN)/python -m tests.accuracy --seeds $(SEEDS) --start $(START) --jobs $(JOBS) --end-to-end 3
ACCURACY_SEEDS ?= 4

accuracy-comm: $(STAMP)
	$(BIN)/python -m tests.accuracy_comm --seeds $(ACCURACY_SEEDS) --jobs $(JOBS)

# an environment of its own: atheris is not there for every Python, and then the plain fuzzer runs alone
FUZZ_VENV := .venv-fuzz
FUZZ_INPUTS ?= 1000000
FUZZ_SEED ?= 1

fuzz: $(FUZZ_VENV)/.installed
	$(FUZZ_VENV)/bin/python -m tests.fuzz --inputs $(FUZZ_INPUTS) --seed $(FUZZ_SEED)
	@if $(FUZZ_VENV)/bin/python -c 'import atheris' 2>/dev/null; then \
	  for target in $$($(FUZZ_VENV)/bin/python -c 'from tests.fuzz.targets import TARGETS; print(*sorted(TARGETS))'); do \
	    $(FUZZ_VENV)/bin/python -m tests.fuzz --guided --target $$target --inputs $(FUZZ_INPUTS) --seed $(FUZZ_SEED) || exit 1; \
	  done; \
	else echo "atheris cannot be installed for this Python: only the plain fuzzer has run"; fi

$(FUZZ_VENV)/.installed: pyproject.toml constraints.txt
	@$(PYTHON) -m venv $(FUZZ_VENV)
	@$(FUZZ_VENV)/bin/python -m pip install --quiet --disable-pip-version-check -c constraints.txt -e '.[agent]'
	@$(FUZZ_VENV)/bin/python -m pip install --quiet --disable-pip-version-check atheris || true
	@touch $@

$(STAMP): pyproject.toml constraints.txt
	@echo "making the environment in $(VENV) (once; downloads about 400 MB)"
	@$(PYTHON) -m venv $(VENV) || { echo "python3-venv is missing: apt-get install python3-venv"; exit 1; }
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check -c constraints.txt -e '.[agent,collector,dashboards,dev]'
	@touch $(STAMP)

clean:
	rm -rf $(VENV) $(FUZZ_VENV) chaos-logs fuzz-crashes fuzz-corpus demo-data .cache .mypy_cache .pytest_cache .ruff_cache .hypothesis
