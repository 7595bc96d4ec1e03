# Each target works on a machine with Python >= 3.10 and make; the first one run makes the virtual environment.
#
#   make demo            sets up, grounds two queries in a sample video, writes demo.png and demo.html
#   make test            sets up and runs every check and test
#   make lab             opens JupyterLab on the notebooks
#   make bench           prints the benchmark table
#   make notebooks       rebuilds and runs the notebooks, then the pages made from them (plans, index, answer keys)
#   make slides          makes slides from the notebooks, in build/slides
#   make badges          writes the repository's address into every badge and link: make badges REPOSITORY=owner/name
#   make tiny            trains the tiny checkpoint again
#   make studio          adapts it to a second toy world by LoRA: checkpoints/studio
#   make lint | clean
#
#   PYTHON=python3.12    the Python that makes the environment
#   PIP_ARGS="..."       more arguments for pip, for instance another wheel index (README: torch without CUDA)
#   VENV=.venv           where the environment lies

PYTHON ?= python3
PIP_ARGS ?=
VENV ?= .venv

BIN = $(VENV)/bin
PIP = $(BIN)/python -m pip install --disable-pip-version-check --quiet $(PIP_ARGS) --constraint constraints.txt
SAMPLE = data_samples/videos/toy_test_7_0002.mp4
QUERY_1 = the blue moon spins
QUERY_2 = the white heart grows

.PHONY: demo test lab bench notebooks badges slides tiny studio lint clean
.DEFAULT_GOAL = demo

# A stamp is newer than pyproject.toml and constraints.txt once their packages are in, so that a second run installs nothing.
$(VENV)/.base: pyproject.toml constraints.txt
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 10))' || { \
		echo "momentor needs Python 3.10 or newer: install one and name it, make PYTHON=python3.12 ..." >&2; exit 1; }
	@$(PYTHON) -c 'import ensurepip, venv' 2>/dev/null || { \
		echo "Python's venv module is missing: on Debian and Ubuntu, apt-get install python3-venv, then run make again" >&2; exit 1; }
	@test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	@echo "Installing torch, then the rest, into $(VENV) (a few minutes, once) ..."
	@$(PIP) torch
	@$(PIP) --editable .
	@touch $@

$(VENV)/.dev: $(VENV)/.base
	@$(PIP) --editable ".[dev]"
	@touch $@

# One thread is the quickest for so small a model wherever anything else runs on the machine.
demo: export OMP_NUM_THREADS ?= 1
demo: $(VENV)/.base
	@$(BIN)/momentor ground $(SAMPLE) "$(QUERY_1)" --png demo.png --html demo.html
	@$(BIN)/momentor ground $(SAMPLE) "$(QUERY_2)"
	@echo "The first query as a figure: demo.png; with the video and clickable moments: demo.html"

lint: $(VENV)/.dev
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .

# Those held to a limit in processor seconds by themselves, the notebooks among them: other work beside them would inflate it.
test: lint
	$(BIN)/python -m pytest -m "not quiet" --numprocesses auto --maxprocesses 4 --dist loadfile
	$(BIN)/python -m pytest -m quiet

lab: $(VENV)/.base
	$(BIN)/jupyter lab --notebook-dir notebooks

bench: $(VENV)/.base
	$(BIN)/python -m benchmarks

notebooks: $(VENV)/.dev
	$(BIN)/python notebooks/build.py
	$(BIN)/python -m notebooks.tools.pages

slides: $(VENV)/.dev
	$(BIN)/python -m notebooks.tools.slides

badges: $(VENV)/.dev
	@$(BIN)/python notebooks/badges.py $(if $(REPOSITORY),--repository "$(REPOSITORY)")

tiny: $(VENV)/.dev
	$(BIN)/python -m momentor_lib.training.tiny --out checkpoints/tiny
	$(BIN)/python -m momentor_lib.evaluation.toy --model checkpoints/tiny --out checkpoints/tiny/scores.json
	$(BIN)/python -m momentor_lib.training.card checkpoints/tiny

# Videos and features are made once and kept; the training itself is some minutes.
STUDIO = runs/studio
studio: $(VENV)/.base
	$(BIN)/momentor toy $(STUDIO)/new --videos 400 --seed 0 --world studio
	$(BIN)/momentor toy $(STUDIO)/old --videos 400 --seed 5
	$(BIN)/momentor extract $(STUDIO)/new/videos $(STUDIO)/features --workers 2
	$(BIN)/momentor extract $(STUDIO)/old/videos $(STUDIO)/features --workers 2
	rm -rf $(STUDIO)/adapter
	$(BIN)/momentor train --stage instruct --preset tiny --lora --new-words 60 --data $(STUDIO)/new --data $(STUDIO)/old \
		--features $(STUDIO)/features --out $(STUDIO)/adapter --steps 750 --batch 8 --most 12 --learning-rate 7e-3
	mkdir -p checkpoints/studio
	cd $(STUDIO)/adapter && cp *.json *.safetensors metrics.jsonl $(CURDIR)/checkpoints/studio/
	$(BIN)/python -m benchmarks.adaptation --out checkpoints/studio/scores.json

clean:
	rm -rf $(VENV) build dist demo.png demo.html .pytest_cache .ruff_cache .hypothesis
