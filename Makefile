# Every target makes the environment first if it is missing.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
READY := $(VENV)/.ready
export HF_HUB_OFFLINE ?= 1
export PIP_DISABLE_PIP_VERSION_CHECK = 1
unexport PYTHONDONTWRITEBYTECODE

.PHONY: help env demo test check slow bench wheel lowest highest format charts rooms messages clean

help: ## this list
	@grep -hE '^[a-z]+:.*##' $(MAKEFILE_LIST) | sed 's/:.*## /\t/' | expand -t 12

env: $(READY) ## make .venv with everything: the package, offline models, samples, tools

# --no-compile: byte code of what is imported alone, written by `doctor --prepare` and the first use.
$(READY): pyproject.toml constraints.txt
	test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --no-compile -c constraints.txt torch
	$(BIN)/python -m pip install --quiet --no-compile -c constraints.txt -e '.[dev]'
	-$(BIN)/weitiao doctor --prepare
	touch $(READY)

demo: $(READY) ## fit 1,000 rows of news in English, then of reviews in Chinese, two minutes each
	$(BIN)/weitiao fit sample:bbc-news --rows 1000 --budget 2m --out runs
	$(BIN)/weitiao fit sample:reviews-zh --rows 1000 --budget 2m --out runs
	$(BIN)/weitiao runs runs

test: $(READY) ## the tests: offline, on the processor, some minutes
	$(BIN)/python -m pytest -q -n auto --dist loadfile

check: $(READY) ## style, types, layers, both languages
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(BIN)/python dev/messages.py check

slow: $(READY) ## real weights, kills at random moments, several processes, pages in a browser
	$(BIN)/python -m pip install --quiet --no-compile -c constraints.txt -e '.[dev,browser]'
	$(BIN)/python -m pytest -q -m "slow or hypothesis" --hypothesis-profile all

bench: $(READY) ## measurements, each an hour at most, resumable: make bench DATA=../data
	$(BIN)/python -m pip install --quiet --no-compile -c constraints.txt -e '.[dev,bench]'
	$(BIN)/python benchmarks/startup.py --data $(DATA) --minutes 55
	$(BIN)/python benchmarks/train_speed.py --data $(DATA) --fraction 0.25 --minutes 55
	$(BIN)/python benchmarks/processes.py --data $(DATA) --minutes 55
	$(BIN)/python benchmarks/predict_speed.py --data $(DATA) --minutes 55
	$(BIN)/python benchmarks/scale.py --minutes 55
	$(BIN)/python benchmarks/anytime.py --data $(DATA) --minutes 55
	$(BIN)/python benchmarks/budgets.py --data $(DATA) --minutes 55
	$(BIN)/python benchmarks/kills.py --data $(DATA) --minutes 55
	$(BIN)/python benchmarks/few_rows.py --data $(DATA) --minutes 55
	$(BIN)/python benchmarks/linear_start.py --data $(DATA) --minutes 55
	$(BIN)/python benchmarks/tiers_quality.py --data $(DATA) --minutes 55
	$(BIN)/python benchmarks/quality_weitiao.py --data $(DATA) --minutes 55

VERSIONS := tests/test_run.py tests/test_api.py tests/planfile tests/tasks tests/data/readers

lowest: ## some tests with the lowest versions that pyproject.toml allows (PyTorch apart)
	test -x .venv-lowest/bin/python || $(PYTHON) -m venv .venv-lowest
	$(PYTHON) dev/lowest.py > .venv-lowest/pins.txt
	.venv-lowest/bin/python -m pip install --quiet --no-compile -c constraints.txt torch
	.venv-lowest/bin/python -m pip install --quiet --no-compile -c .venv-lowest/pins.txt -e '.[dev]'
	.venv-lowest/bin/python -m pytest -q $(VERSIONS)

highest: ## the same with the newest versions that can be had
	test -x .venv-highest/bin/python || $(PYTHON) -m venv .venv-highest
	.venv-highest/bin/python -m pip install --quiet --no-compile -c constraints.txt torch
	.venv-highest/bin/python -m pip install --quiet --no-compile --upgrade -e '.[dev]'
	.venv-highest/bin/python -m pytest -q $(VERSIONS)

wheel: $(READY) ## dist/*.whl with compiled kernels (x86-64, Linux); a pure one: KERNELS=0 make wheel
	rm -rf build
	WEITIAO_WHEEL_KERNELS=$${KERNELS:-1} $(BIN)/python -m pip wheel --quiet --no-deps \
		--no-build-isolation --wheel-dir dist .
	ls -l dist

format: $(READY) ## put the code into shape
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

charts: ## bundle the plots of report.html anew (node and npm)
	cd dev/charts && npm ci && npm run build

rooms: $(READY) ## draw docs/rooms.svg, the folders of the source by layer, again
	$(BIN)/python dev/draw_rooms.py

messages: $(READY) ## bring the catalogue of Chinese texts up to date with the code
	$(BIN)/python dev/messages.py

clean: ## remove what can be made again
	rm -rf $(VENV) .pytest_cache .mypy_cache .ruff_cache build dist src/*.egg-info
