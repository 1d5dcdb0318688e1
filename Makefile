# Environments, and the words that people type. `make` alone lists them.

VENV        ?= .venv
DEVICE      ?= cpu
CONSTRAINTS ?= requirements.txt
TORCH_INDEX ?=
$(if $(filter-out 1,$(words $(VENV))),$(error VENV is '$(VENV)'; name a folder without blanks))
# On a GPU each framework has an environment of its own: their CUDA libraries conflict.
ifeq ($(DEVICE),gpu)
override VENV := $(VENV)$(if $(FRAMEWORK),-gpu-$(FRAMEWORK))
ALONE = $(ONLY)
endif

BIN = $(VENV)/bin
PYTEST = $(BIN)/python -m pytest tests -n 2 --durations 25
PIP = $(BIN)/python -m pip install --quiet --disable-pip-version-check \
	--constraint $(CONSTRAINTS) $(if $(TORCH_INDEX),--extra-index-url $(TORCH_INDEX))
TOOLS = --editable book/_ext --editable exercises# after the package: pip reads to the right
# What is typed reaches the programs as it is: the shell does not read it. Some systems set NAME.
TYPED := CHAPTER CONSTRAINTS DEADLINE DEVICE FRAMEWORK JOBS MOVED NAME PORT PRIVATE PYTHON ROSTER \
	SEEDS SOLUTIONS_FROM SUBMISSIONS TEXT TITLE TORCH_INDEX VENV VERSIONS WHEELS
READ := $(addprefix D2L_,CHROMIUM GRADER_DATA JUDGED_SEEDS PRIVATE_EXERCISES UNATTENDED)
$(foreach one,$(TYPED),$(eval export D2L_$(one) := $$(value $(one))))
export D2L_NAME := $(if $(findstring command,$(origin NAME)),$(value NAME))
# What commands get of it: an option where it was typed, nothing otherwise.
option   = $(if $(value $2),"--$1=$$D2L_$2")
CHAPTERS = $(if $(value CHAPTER),-- $$D2L_CHAPTER)
ONLY = $(call option,framework,FRAMEWORK)
INSTRUCTOR = $(call option,private,PRIVATE)
CHOSEN = "--device=$$D2L_DEVICE" $(ONLY) $(call option,jobs,JOBS)

TARGETS := $(shell sed -n 's/^\([a-z][a-z-]*\):.*/\1/p' $(firstword $(MAKEFILE_LIST)))
.PHONY: $(TARGETS)
# Checked before anything is begun.
include .ci/typed.mk

help: ## list the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "  make %-16s%s\n", $$1, $$2}' Makefile

# -- environments ----------------------------------------------------------------------------
$(VENV)/python:
	@sh .ci/environment.sh "$(VENV)" "$$D2L_PYTHON" && touch $@
$(VENV)/book: $(VENV)/python pyproject.toml $(CONSTRAINTS)
	@echo "Installing what the book needs (about half a minute)" && \
	$(PIP) --editable '.[book]' $(TOOLS) && touch $@
$(VENV)/full: $(VENV)/book
	@echo "Installing the frameworks and the test tools (some GB, a few minutes)" && \
	extras=$$($(BIN)/editions frameworks --extras "--device=$$D2L_DEVICE" $(ALONE)) && \
	$(PIP) --editable ".[$$extras,book,exercises,test]" $(TOOLS) && touch $@
$(VENV)/lab: $(VENV)/full
$(VENV)/pdf $(VENV)/lab: $(VENV)/book
	@$(PIP) --editable '.[$(@F)]' $(TOOLS) && touch $@
# Chromium and bubblewrap.
browser:
	@sh tests/install-browser.sh

# -- the book --------------------------------------------------------------------------------
book: $(VENV)/book ## build the site and say where to open it
	@$(BIN)/editions book

# On a GPU, each framework in turn, unless one is named.
ifeq ($(DEVICE)$(FRAMEWORK),gpu)
notebooks verify: $(VENV)/book
	@failed=; for one in $$($(BIN)/editions frameworks); do \
	$(MAKE) --no-print-directory $@ FRAMEWORK=$$one || failed=1; done; test -z "$$failed"
else
notebooks: $(VENV)/full ## run the stale notebooks, refresh the others (CHAPTER=blocks, DEVICE=gpu)
	@$(BIN)/editions notebooks $(CHOSEN) $(CHAPTERS)
verify: $(VENV)/full ## run every notebook again and compare; write the verification record
	@$(BIN)/editions verify $(CHOSEN) $(CHAPTERS)
endif
site: verify ## build the site as it is published: every notebook verified
	@$(BIN)/editions book --verified
links: $(VENV)/book ## ask every address outside the book whether it answers
	@$(BIN)/editions links
new-chapter: $(VENV)/book ## start a chapter: NAME=graph-networks TITLE="Graph networks"
	@$(BIN)/editions new-chapter $(call option,title,TITLE) -- "$$D2L_NAME"
serve: $(VENV)/book ## build, and serve the site at http://127.0.0.1:8000 (PORT=...)
	@$(BIN)/editions serve $(call option,port,PORT)
live: $(VENV)/full ## build, and serve the site so that its cells run on the pages (PORT=...)
	@$(BIN)/editions live $(call option,port,PORT)
pdf: $(VENV)/pdf browser ## print the whole book: one PDF for each framework, in _build/pdf
	@$(BIN)/editions pdf
lab: $(VENV)/lab ## open the notebooks in JupyterLab
	@$(BIN)/jupyter lab --notebook-dir "book/notebooks/$$D2L_DEVICE"

# -- exercises -------------------------------------------------------------------------------
exercises: $(VENV)/book ## write what students get (CHAPTER=, PRIVATE=, SOLUTIONS_FROM=2026-12-24)
	@$(BIN)/editions exercises $(INSTRUCTOR) $(call option,solutions-from,SOLUTIONS_FROM) $(CHAPTERS)
new-question: $(VENV)/book ## start a question: NAME=blocks.two-steps TITLE="..." PRIVATE=... TEXT=1
	@$(BIN)/editions new-question $(if $(filter 1,$(text)),--text) \
	$(call option,title,TITLE) $(INSTRUCTOR) -- "$$D2L_NAME"
check-questions: $(VENV)/full ## try questions as the tests try ours (PRIVATE=folder, SEEDS=60)
	@$(BIN)/editions check-questions $(ONLY) $(INSTRUCTOR) $(call option,seeds,SEEDS) $(CHAPTERS)
solutions: $(VENV)/full ## run the worked solutions, for instructors, into _build/solutions
	@$(BIN)/editions solutions $(INSTRUCTOR) $(CHAPTERS)
grade: $(VENV)/full ## grade SUBMISSIONS=class.zip (CHAPTER=, DEADLINE=, JOBS=, PRIVATE=, ROSTER=)
	@$(BIN)/grader grade $(call option,chapter,CHAPTER) $(call option,roster,ROSTER) \
	$(call option,deadline,DEADLINE) $(call option,jobs,JOBS) $(INSTRUCTOR) \
	$(if $(value SUBMISSIONS),-- "$$D2L_SUBMISSIONS")

# -- tests -----------------------------------------------------------------------------------
test: $(VENV)/full browser lint check-notebooks verify ## all that decides on a change
	@$(PYTEST)
test-quick: $(VENV)/full lint check-notebooks ## its quick part: no browser, no notebooks
	@$(PYTEST) -m "not slow and not full"
test-full: $(VENV)/pdf $(VENV)/lab test soak ## everything, also what takes long: soak, class of 300
	@$(PYTEST) -m full && $(BIN)/editions check-questions --seeds=60
check-notebooks: $(VENV)/full ## fail if a notebook is not what its source says
	@$(BIN)/editions check
test-gpu: ## run the notebooks on this GPU, record what has no reference (PYTHON=, WHEELS=)
	@sh .ci/test-gpu.sh "$(VENV)" $(ONLY) $(CHAPTERS)
test-versions: $(VENV)/full ## check with other versions: VERSIONS=newest or floors
	@MAKE="$(MAKE)" sh .ci/test-versions.sh "$$D2L_VERSIONS" "$(VENV)"
# What the weekly run says, in one issue on GitHub.
report:
	@python3 .ci/weekly_issue.py "$$D2L_MOVED"
lint: $(VENV)/full ## check style, types and the direction of imports
	@$(BIN)/ruff check --quiet . && $(BIN)/ruff format --check --quiet . && \
	$(BIN)/mypy --no-error-summary && $(BIN)/lint-imports --no-logo --no-cache
format: $(VENV)/full ## mend style
	@$(BIN)/ruff check --fix --quiet . && $(BIN)/ruff format --quiet .
hooks: $(VENV)/full ## check style, types and notebooks before each of your commits
	@$(BIN)/pre-commit install
soak: $(VENV)/full ## run notebooks five times under other conditions; nothing may differ (CHAPTER=)
	@$(BIN)/python tests/soak.py $(CHAPTERS)
bench: $(VENV)/full browser ## measure, as ratios side by side in one run
	@for one in package exercises grader notebooks book; do $(BIN)/python bench/$$one.py || exit; done
clean: ## delete what was built; keep the environment
	@rm -rf _build build dist *.egg-info
