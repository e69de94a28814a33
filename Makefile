PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin

.PHONY: run test check lint types format docs figures pictures lock audit clean

run: $(VENV)/.installed $(VENV)/.detector
	$(BIN)/streamlit run streamlit_app.py

# Tests start more than a hundred processes, of which each would compile every module anew.
unexport PYTHONDONTWRITEBYTECODE

# One process more than there are cores (tests/conftest.py), but no more than four: most of the time goes to files that one
# process reads.
PYTEST := $(BIN)/python -m pytest --numprocesses auto --maxprocesses 4

test: lint types
	$(PYTEST)

check: lint types
	$(PYTEST) -m 'not browser and not data and not postgres and not slow' \
		--ignore tests/app --ignore tests/e2e --ignore tests/training

lint: $(VENV)/.installed-dev
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .

types: $(VENV)/.installed-dev
	$(BIN)/mypy

format: $(VENV)/.installed-dev
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

docs: $(VENV)/.installed-dev
	NO_MKDOCS_2_WARNING=1 $(BIN)/mkdocs build --strict

figures: $(VENV)/.installed
	$(BIN)/python -m tools.figures

pictures: $(VENV)/.installed-dev
	$(BIN)/python -m tools.pictures

# What requirements.txt allows, to the file: for every system and Python, each with its hashes. No host of a registry is
# written down, so that a mirror serves as well.
lock: $(VENV)/.audit
	$(VENV)/audit/bin/uv pip compile requirements.txt --universal --python-version 3.11 --generate-hashes --quiet \
		--no-emit-index-url --no-emit-find-links --custom-compile-command 'make lock' --output-file requirements.lock

# Fails where something is known against a version in requirements.lock, or nobody can be asked.
audit: $(VENV)/.audit
	$(VENV)/audit/bin/pip-audit --requirement requirements.lock --disable-pip --timeout 15

# In an environment of their own: what they bring is no part of the app.
$(VENV)/.audit: | $(VENV)/.installed
	$(PYTHON) -m venv $(VENV)/audit
	$(VENV)/audit/bin/python -m pip install --quiet --disable-pip-version-check 'pip-audit>=2.9,<3' 'uv>=0.9,<1'
	@touch $@

clean:
	rm -rf $(VENV) .pytest_cache .ruff_cache .mypy_cache .hypothesis site
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

define install
	@$(PYTHON) -c 'import sys; sys.exit(0 if sys.version_info >= (3, 11) else "Python 3.11 or newer is needed, but $(PYTHON) is %d.%d; name another one, as in: make run PYTHON=python3.12" % sys.version_info[:2])'
	@echo 'Installing what $(1) names into $(VENV); the first time this takes some minutes.'
	@$(PYTHON) -m venv $(VENV)
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check -r $(1)
endef

$(VENV)/.installed: requirements.txt
	$(call install,requirements.txt)
	@touch $@

# Tried once an installation: where it fails the sentence says how to do it by hand, and the app has a button.
$(VENV)/.detector: | $(VENV)/.installed
	@echo 'Fetching the YuNet face detector (0.2 MB).'
	@$(BIN)/python -m fer setup || true
	@touch $@

$(VENV)/.installed-dev: requirements-dev.txt requirements-batch.txt requirements.txt
	$(call install,requirements-dev.txt)
	@touch $(VENV)/.installed $@
