# Everything that takes more than one command. Works from a fresh checkout: what is missing is
# installed, Python packages into .venv and Debian packages with apt-get.

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
DEMO := demo

ifneq ($(shell command -v ninja),)
export CMAKE_GENERATOR ?= Ninja
endif

.DEFAULT_GOAL := help
.PHONY: help demo test test-cpp test-python bench bench-figures docs links man docs-figures lint format clean packages install

help:  ## Show this text
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:[^#]*## /\t/' | expand -t 14

demo: install  ## Simulate images, whiten them, look at the result, detect (in demo/)
	$(BIN)/whitediff simulate $(DEMO) --overwrite
	$(BIN)/whitediff decorrelate --science $(DEMO)/science.fits --template $(DEMO)/template.fits \
	  --difference $(DEMO)/difference.fits --kernel $(DEMO)/kernel.fits -o $(DEMO)/white.fits \
	  --report $(DEMO)/white.html --plot $(DEMO)/decorrelate.png --overwrite
	$(BIN)/whitediff check $(DEMO)/difference.fits $(DEMO)/white.fits --plot $(DEMO)/check.png \
	  --overwrite
	$(BIN)/whitediff decorrelate --science $(DEMO)/science.fits --template $(DEMO)/template.fits \
	  --difference $(DEMO)/difference.fits --kernel $(DEMO)/kernel.fits -o $(DEMO)/score.fits \
	  --mode score --overwrite
	$(BIN)/whitediff detect $(DEMO)/score.fits -o $(DEMO)/catalogue.ecsv --overwrite
	@$(BIN)/python docs/demo.py $(DEMO)
	@echo "Look at $(DEMO)/white.html"

test: test-cpp test-python  ## Run the C++ and the Python tests

test-cpp: packages
	.ci/packages doctest-dev
	cmake --preset dev
	cmake --build --preset dev --parallel 2
	ctest --preset dev --parallel 2

test-python: install $(VENV)/test
	$(BIN)/python -m pytest -n 2 --dist loadfile

bench: install $(VENV)/bench  ## Measure speed and memory against other ways
	$(BIN)/python bench/run.py

bench-figures: install $(VENV)/bench  ## Measure all for the documentation (20 minutes, idle machine)
	@.ci/packages perf:linux-perf addr2line:binutils
	$(BIN)/python bench/figures.py --large

docs: install $(VENV)/docs  ## Make the documentation, in build/docs/html
	@.ci/packages doxygen
	$(BIN)/sphinx-build --fail-on-warning --keep-going --quiet docs build/docs/html
	$(BIN)/python docs/links.py build/docs/html

links: install $(VENV)/docs  ## See whether what the documentation links to elsewhere is there
	@.ci/packages doxygen
	$(BIN)/sphinx-build -b linkcheck -D nb_execution_mode=off --quiet docs build/docs/links

man: install $(VENV)/docs  ## Make the pages of the manual, in build/man/man1
	$(BIN)/python docs/man.py build/man/man1

docs-figures: install  ## Draw the figures of docs/ that are simulated
	$(BIN)/python docs/resampled.py
	$(BIN)/whitediff simulate $(DEMO) --overwrite
	$(BIN)/python docs/demo.py $(DEMO) docs/before-after.png

lint: install $(VENV)/lint $(VENV)/test  ## Check style and types
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy --python-executable $(BIN)/python
	$(BIN)/stubtest whitediff._core --mypy-config-file pyproject.toml --allowlist .ci/stubtest_allowlist
	$(BIN)/clang-format --dry-run --Werror $(shell find cpp python -name '*.?pp')
	$(BIN)/zizmor --offline --quiet .

format: $(VENV)/lint  ## Put code into form
	$(BIN)/clang-format -i $(shell find cpp python -name '*.?pp')
	$(BIN)/ruff check --select I --fix .
	$(BIN)/ruff format .

clean:  ## Remove everything that was built
	rm -rf build dist $(VENV) $(DEMO)

packages:
	@.ci/packages c++:g++ cmake:cmake libfftw3-dev

install: packages $(VENV)/ready
	$(BIN)/python -m pip install --quiet '.[all]'

# A Python of Debian's comes without what virtual environments and compiled modules take.
$(VENV)/ready:
	@.ci/packages $(PYTHON):python3
	@$(PYTHON) -c 'import ensurepip' 2>/dev/null || .ci/packages python3-venv
	@test -f "$$($(PYTHON) -c 'import sysconfig; print(sysconfig.get_path("include"))')/Python.h" || \
	  .ci/packages python3-dev
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --upgrade pip
	touch $@

# One file a group of pyproject.toml, new when the groups are.
$(VENV)/test $(VENV)/lint $(VENV)/bench $(VENV)/docs: $(VENV)/%: pyproject.toml | $(VENV)/ready
	$(BIN)/python -m pip install --quiet --group $*
	touch $@
