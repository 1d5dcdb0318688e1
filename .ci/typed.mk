# Checks what was typed before anything is begun. The Makefile reads it, and names what is known.

# Unknown settings. A make around ours passes on what was typed for itself.
ifeq ($(MAKELEVEL),0)
$(foreach one,$(filter-out $(TYPED) $(READ) MAKE MAKEFLAGS SHELL,$(.VARIABLES)),\
	$(if $(findstring command,$(origin $(one))),$(error there is no setting $(one)=. \
	Known: $(TYPED). A variable of the environment stands before make: $(one)=... make)))
endif

# Words that are not targets, names of files such as tests among them.
hint = $(firstword $(if $(wildcard book/$1.md exercises/chapters/$1),CHAPTER) \
	$(if $(filter %.csv,$1),ROSTER) $(if $(filter grade,$(MAKECMDGOALS)),SUBMISSIONS) \
	$(if $(filter new-%,$(MAKECMDGOALS)),NAME))
comma := ,
$(foreach one,$(filter-out $(TARGETS) $(VENV)/%,$(MAKECMDGOALS)),$(error there is no target \
	'$(one)'. Type make to list them$(if $(call hint,$(one)),$(comma) or $(call hint,$(one))=$(one))))

# Settings that the targets of this run do not read. Those of the environment are read by all.
ifeq ($(MAKELEVEL),0)
unread := $(foreach one,$(filter-out CONSTRAINTS DEVICE PYTHON TORCH_INDEX VENV \
	$(if $(filter gpu,$(DEVICE)),FRAMEWORK),$(TYPED)),\
	$(if $(findstring command,$(origin $(one))),$(one)))
goals := $(filter $(TARGETS),$(MAKECMDGOALS))
$(if $(and $(strip $(unread)),$(goals)),$(shell awk -v goals="$(goals)" -v typed="$(unread)" \
	-f .ci/unread.awk $(firstword $(MAKEFILE_LIST)) >&2))
endif

# A switch is on or off.
text := $(if $(findstring command,$(origin TEXT)),$(value TEXT))
$(if $(filter-out 0 1,$(text)),$(error TEXT is '$(text)'; allowed are 1 and 0))
