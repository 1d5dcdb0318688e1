# Everything a person types. `make` alone lists the targets.

VENV    ?= .venv
BIN      = $(VENV)/bin
DEVICE  ?= cpu
FRAMEWORK ?=
JOBS    ?=
PORT    ?= 8000
# An index with builds of PyTorch for the CPU alone saves gigabytes on a machine without a GPU:
#   make test TORCH_INDEX=https://download.pytorch.org/whl/cpu
TORCH_INDEX ?=
# What holds the versions; make test-versions tries others.
CONSTRAINTS ?= requirements.txt
EXTRAS  := book,torch,tensorflow,exercises,test

# The first Python on the path that is neither too old nor too new for TensorFlow.
FOUND_PYTHON = $(shell for p in python3 python3.13 python3.12 python3.11; do \
	$$p -c 'import sys; sys.exit(not (3, 11) <= sys.version_info[:2] <= (3, 13))' 2>/dev/null \
	&& { echo $$p; break; }; done)

export PYTHONPATH := $(CURDIR)/book/_ext$(if $(PYTHONPATH),:$(PYTHONPATH))
export PIP_DISABLE_PIP_VERSION_CHECK := 1
PIP = $(BIN)/python -m pip install --quiet --constraint $(CONSTRAINTS) \
	$(if $(TORCH_INDEX),--extra-index-url $(TORCH_INDEX))

# What was typed goes to the programs as it is: no word of it is the shell's.
export D2L_CHAPTER := $(value CHAPTER)
export D2L_NAME := $(value NAME)
export D2L_TITLE := $(value TITLE)
export D2L_SUBMISSIONS := $(value SUBMISSIONS)
export D2L_PRIVATE := $(value PRIVATE)
export D2L_JOBS := $(value JOBS)
export D2L_PORT := $(value PORT)
export D2L_PYTHON := $(value PYTHON)
CHAPTERS = $(if $(value CHAPTER),-- $$D2L_CHAPTER)
WHAT_JOBS = $(if $(value JOBS),"--jobs=$$D2L_JOBS")
WHERE_PRIVATE = $(if $(value PRIVATE),--private "$$D2L_PRIVATE")

ifneq ($(words $(DEVICE))$(filter-out cpu gpu,$(DEVICE)),1)
$(error DEVICE is $(or $(DEVICE),empty); allowed are cpu and gpu)
endif
ifneq ($(filter-out pytorch tensorflow,$(FRAMEWORK))$(word 2,$(FRAMEWORK)),)
$(error FRAMEWORK is $(FRAMEWORK); allowed are pytorch and tensorflow, or to leave it out for both)
endif
ifneq ($(words $(VENV)),1)
$(error VENV is $(or $(VENV),empty); wanted is the name of a folder, without blanks)
endif
# On a GPU each framework has an environment of its own: their CUDA libraries do not mix.
ifeq ($(DEVICE),gpu)
ifneq ($(FRAMEWORK),)
override VENV := $(VENV)-gpu-$(FRAMEWORK)
EXTRAS := book,$(if $(filter pytorch,$(FRAMEWORK)),torch,tensorflow,cuda),test
endif
endif
BY_FRAMEWORK := $(and $(filter gpu,$(DEVICE)),$(if $(FRAMEWORK),,yes))
define in_each_environment
@failed=; for one in pytorch tensorflow; do \
	$(MAKE) --no-print-directory $@ DEVICE=gpu FRAMEWORK=$$one || failed=1; done; test -z "$$failed"
endef

.DEFAULT_GOAL := help
TARGETS := help book notebooks new-chapter pdf lab test test-quick check-notebooks verify site links test-gpu test-versions with-newest with-floors report browser bench soak serve exercises solutions grade test-full lint format hooks clean
.PHONY: $(TARGETS)

help: ## list the targets
	@echo "Deep Learning Computation. Type one of:"
	@sed -n 's/^\([a-z-]*\):.*## \(.*\)/  make \1|\2/p' $(MAKEFILE_LIST) | awk -F'|' '{printf "%-22s %s\n", $$1, $$2}'

.DEFAULT:
	@[ -e "$@" ] || { echo "error: there is no target '$@'. Type make to list them." >&2; exit 2; }

# A file that has the name of something typed by mistake, such as tests, is no target either.
TYPED_FILES = $(filter-out $(TARGETS) $(VENV)/%,$(foreach goal,$(MAKECMDGOALS),$(if $(wildcard $(goal)),$(goal))))
ifneq ($(TYPED_FILES),)
$(error there is no target $(firstword $(TYPED_FILES)). Type make to list them)
endif

# -- environments ---------------------------------------------------------------------------

$(VENV)/python:
	@PYTHON="$${D2L_PYTHON:-$(FOUND_PYTHON)}"; \
	advice="Install one of them, or name it: make PYTHON=/path/to/python3.12"; \
	fail() { echo "error: $$*" >&2; exit 1; }; \
	[ -n "$$PYTHON" ] || fail "Python 3.11, 3.12 or 3.13 is needed; python3 here is: $$(python3 --version 2>&1 || echo missing). $$advice"; \
	found=$$("$$PYTHON" -c 'import sys; print("%d.%d" % sys.version_info[:2])' 2>/dev/null) \
		|| fail "PYTHON is $$PYTHON, which is no Python that runs here. Python 3.11, 3.12 or 3.13 is needed. $$advice"; \
	case "$$found" in 3.11|3.12|3.13) ;; \
		*) fail "Python 3.11, 3.12 or 3.13 is needed; $$PYTHON is $$found. $$advice";; esac; \
	"$$PYTHON" -c 'import ensurepip, venv' 2>/dev/null \
		|| fail "$$PYTHON has no venv module. On Debian and Ubuntu: sudo apt-get install python3-venv"; \
	if [ -n "$$(ls -A "$(VENV)" 2>/dev/null)" ] && [ ! -e "$(VENV)/pyvenv.cfg" ]; then \
		fail "$(VENV) is there and is no environment: move it away, or name another: make VENV=.venv-mine"; fi; \
	echo "Creating $(VENV) with Python $$found"; \
	"$$PYTHON" -m venv "$(VENV)" || fail "$(VENV) could not be made"
	@touch $@

$(VENV)/book: $(VENV)/python pyproject.toml $(CONSTRAINTS)
	@echo "Installing what the book needs (about half a minute)"
	@$(PIP) --editable '.[book]'
	@touch $@

$(VENV)/pdf: $(VENV)/book
	@$(PIP) --editable '.[book,pdf]'
	@touch $@

$(VENV)/lab: $(VENV)/full
	@echo "Installing JupyterLab"
	@$(PIP) --editable '.[lab]'
	@touch $@

$(VENV)/full: $(VENV)/book
	@echo "Installing $(or $(FRAMEWORK),PyTorch and TensorFlow) and the test tools (some GB, a few minutes)"
	@$(PIP) --editable '.[$(EXTRAS)]'
	@touch $@

browser: # Chromium, for the tests
	@sh tests/install-browser.sh

# -- the book ---------------------------------------------------------------------------------

book: $(VENV)/book ## build the site and say where to open it
	@$(BIN)/python -m editions book

CHOSEN = --device $(DEVICE) $(if $(FRAMEWORK),--framework $(FRAMEWORK)) $(WHAT_JOBS) $(CHAPTERS)

notebooks: $(if $(BY_FRAMEWORK),,$(VENV)/full) ## run the stale notebooks, refresh the others' prose (CHAPTER=blocks, DEVICE=gpu)
	$(if $(BY_FRAMEWORK),$(in_each_environment),@$(BIN)/python -m editions notebooks $(CHOSEN))

site: verify ## build the site as it is published: every notebook verified
	@$(BIN)/python -m editions book --verified

links: $(VENV)/book ## ask every address outside the book whether it is there
	@$(BIN)/python -m editions links

ifneq ($(filter new-chapter,$(MAKECMDGOALS)),)
ifeq ($(and $(value NAME),$(filter command,$(origin NAME))),) # some systems set a NAME
$(error name the chapter: make new-chapter NAME=graph-networks)
endif
endif
new-chapter: $(VENV)/book ## start a chapter: make new-chapter NAME=graph-networks TITLE="Graph networks"
	@$(BIN)/python -m editions new-chapter "--title=$$D2L_TITLE" -- "$$D2L_NAME"

serve: $(VENV)/book ## build, and serve the site at http://127.0.0.1:8000 (PORT=...)
	@$(BIN)/python -m editions serve "--port=$$D2L_PORT"

pdf: $(VENV)/pdf browser ## print the whole book: one PDF for each framework, in _build/pdf
	@$(BIN)/python -m editions pdf

lab: $(VENV)/lab ## open the notebooks in JupyterLab
	@$(BIN)/jupyter lab --notebook-dir book/notebooks/$(DEVICE)

# -- exercises --------------------------------------------------------------------------------

exercises: $(VENV)/book ## write the student notebooks, and an archive per framework to hand out
	@$(BIN)/python -m editions exercises $(WHERE_PRIVATE) $(CHAPTERS)

solutions: $(VENV)/full ## run the worked solutions, for instructors, into _build/solutions
	@$(BIN)/python -m editions solutions $(WHERE_PRIVATE) $(CHAPTERS)

ifneq ($(filter grade,$(MAKECMDGOALS)),)
ifeq ($(SUBMISSIONS),)
$(error name what was handed in: make grade SUBMISSIONS=folder-or-zip)
endif
endif
grade: $(VENV)/full ## grade a class: make grade SUBMISSIONS=folder-or-zip
	@$(BIN)/python -m exercises.grader grade $(if $(value CHAPTER),"--chapter=$$D2L_CHAPTER") \
		$(WHAT_JOBS) $(WHERE_PRIVATE) -- "$$D2L_SUBMISSIONS"

# -- tests --------------------------------------------------------------------------------------

test: $(VENV)/full browser lint check-notebooks verify book ## everything that decides whether a change is right
	@$(BIN)/python -m pytest tests

test-quick: $(VENV)/full lint check-notebooks ## the part of it that runs in minutes: no browser, no notebook runs
	@$(BIN)/python -m pytest tests -m "not slow"

test-full: ## everything, and what takes long: the soak, a class of 300
	@$(MAKE) test
	@$(MAKE) soak
	@D2L_CLASS=300 $(BIN)/python -m pytest tests/grader/test_grader_class.py

check-notebooks: $(VENV)/full
	@$(BIN)/python -m editions check

verify: $(if $(BY_FRAMEWORK),,$(VENV)/full) ## run every notebook again and compare; write the verification record
	$(if $(BY_FRAMEWORK),$(in_each_environment),@$(BIN)/python -m editions verify $(CHOSEN))

test-gpu: ## the same on this machine's GPU; what has no reference is recorded (FRAMEWORK=pytorch)
	@$(MAKE) --no-print-directory verify DEVICE=gpu

ifneq ($(filter test-versions,$(MAKECMDGOALS)),)
ifeq ($(filter newest floors,$(VERSIONS)),)
$(error name the versions: make test-versions VERSIONS=newest, or VERSIONS=floors)
endif
endif
OTHER := _build/$(VERSIONS).txt
test-versions: $(VENV)/full ## check with other versions than the pinned: VERSIONS=newest, or VERSIONS=floors
	@$(BIN)/python tests/versions.py $(VERSIONS) $(OTHER)
	@$(MAKE) --no-print-directory with-$(VERSIONS) VENV=$(VENV)-$(VERSIONS) CONSTRAINTS=$(OTHER)

with-newest: $(VENV)/full
	@$(BIN)/python -m pip freeze --exclude-editable > _build/installed.txt
	@$(MAKE) --no-print-directory test

with-floors: $(VENV)/full # old versions print otherwise: claims must hold, outputs are not compared
	@$(BIN)/python -m pip freeze --exclude-editable > _build/installed.txt
	@$(BIN)/python -m editions verify --lax
	@$(BIN)/python -m pytest tests/d2lcompute

ifneq ($(filter report,$(MAKECMDGOALS)),)
ifeq ($(MOVED),)
$(error name the folder of what failed: make report MOVED=folder)
endif
endif
report: # say in one issue on GitHub what moved; the weekly run does it
	@python3 .ci/report.py "$(MOVED)"

lint: $(VENV)/full ## check style and types
	@$(BIN)/ruff check --quiet .
	@$(BIN)/ruff format --check --quiet .
	@$(BIN)/mypy --no-error-summary

format: $(VENV)/full ## mend style
	@$(BIN)/ruff check --fix --quiet . && $(BIN)/ruff format --quiet .

hooks: $(VENV)/full ## check style, types and notebooks before each of your commits
	@$(BIN)/pre-commit install

soak: $(VENV)/full ## run all notebooks five times under other conditions; nothing may differ
	@$(BIN)/python tests/soak.py

bench: $(VENV)/full browser ## measure, as ratios side by side in one run
	@$(BIN)/python bench/package.py
	@$(BIN)/python bench/exercises.py
	@$(BIN)/python bench/grader.py
	@$(BIN)/python bench/notebooks.py
	@$(BIN)/python bench/book.py

clean: ## delete what was built; keep the environment
	rm -rf _build build dist *.egg-info
