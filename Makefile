# make book    set up, run the chapters, build the pages into _build/html, check them
# make test    set up, then formatting, types, and the tests; minutes
# make slow    set up, then statistical studies, whole reports, odd tables; a quarter of an hour
# make clean   remove what was built (the environment stays)
# make lock    resolve requirements.lock anew from pyproject.toml
# Another interpreter: make book PYTHON=python3.13

PYTHON ?= python3
UV := $(shell command -v uv 2>/dev/null)
BIN := .venv/bin
READY := .venv/.ready

# Two test workers share two cores: threads within each would only wait for each other.
export OPENBLAS_NUM_THREADS := 1

.PHONY: book test slow clean lock
.DELETE_ON_ERROR:

book: $(READY)
	$(BIN)/clvkit build

# A file of tests stays in one process: those of the book build it once, for all of them.
test: $(READY)
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/pytest -n 2 --dist loadfile $(PYTEST_ARGS)

slow: $(READY)
	$(BIN)/pytest -n 2 --dist loadfile -m slow $(PYTEST_ARGS)

clean:
	rm -rf _build .cache .mypy_cache .ruff_cache .pytest_cache .hypothesis
	find clvkit tests -name __pycache__ -type d -prune -exec rm -rf {} +

lock: $(READY)
	$(BIN)/uv pip compile pyproject.toml --group dev --universal --generate-hashes \
	  --no-header --python-version 3.11 -o requirements.lock

# Everything of the lock file, then this package itself without its dependencies.
$(READY): requirements.lock pyproject.toml
	@$(PYTHON) -c 'import sys; v = sys.version_info; sys.exit(0 if v >= (3, 11) else \
	  "The playbook needs Python 3.11 or newer; %s is %d.%d. Choose another one with: make PYTHON=python3.11" \
	  % (sys.executable, v[0], v[1]))'
	@rm -f $@
ifneq ($(UV),)
	test -x $(BIN)/python || "$(UV)" venv --quiet --python $(PYTHON) .venv
	"$(UV)" pip install --quiet --compile-bytecode --python $(BIN)/python \
	  --require-hashes -r requirements.lock
	"$(UV)" pip install --quiet --python $(BIN)/python --no-deps --no-build-isolation -e .
else
	test -x $(BIN)/pip || $(PYTHON) -m venv .venv
	$(BIN)/python -m pip install --quiet --require-hashes -r requirements.lock
	$(BIN)/python -m pip install --quiet --no-deps --no-build-isolation -e .
endif
	@touch $@
