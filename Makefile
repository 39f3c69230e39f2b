# SPDX-License-Identifier: GPL-3.0-or-later
# The developer's commands. Each sets up what it needs: packages that the machine lacks (with sudo,
# on Debian and Ubuntu), the tools in .venv, the lab.

METHOD ?= dr
CLUSTER ?= single_director$(patsubst %,_%,$(filter-out dr,$(METHOD)))
PYTEST_ARGS ?=

VENV := $(CURDIR)/.venv
READY := .venv/ready
COVERAGE := .cache/coverage
DURATIONS := $(CURDIR)/.cache/durations
IN_LAB := python lab/lab.py exec --
APT_GET := $(if $(filter-out 0,$(shell id -u)),sudo) env DEBIAN_FRONTEND=noninteractive \
	apt-get --yes --no-install-recommends
export PATH := $(VENV)/bin:$(PATH)
export ANSIBLE_CONFIG := $(CURDIR)/ansible.cfg
try: export MOLECULE_EPHEMERAL_DIRECTORY := $(CURDIR)/.cache/molecule/$(SCENARIO)

PACKAGES := iproute2 openssh-client procps python3-venv # what is needed here; the lab installs what it needs

# Prints the first Python that can make .venv.
FIND_PYTHON := for python in python3.13 python3.12 python3.11 python3; do \
	$$python -c 'import ensurepip, sys, venv; sys.exit(sys.version_info < (3, 11))' 2>/dev/null \
	&& echo $$python && break; done

.PHONY: help demo explain test lint unit compat keepalived kernel molecule try lab labs lab-down bench clean

help: ## say what can be made
	@sed -n 's/^\([a-z-]*\):.*## /make \1\t/p' Makefile | expand -t 16

# Of a cluster with several directors, what a client sees when the master's link goes.
PROOF = $(if $(filter keepalived_%,$(CLUSTER)),lab/failover.yml,playbooks/verify.yml)

demo: explain lab ## build a cluster in the lab (METHOD=dr, tun, nat, fullnat or CLUSTER=...) and show that it answers
	$(IN_LAB) ansible-playbook -i inventories/$(CLUSTER) -i lab/nodes.yml -i lab/clusters/$(CLUSTER).yml \
		lab/create.yml playbooks/site.yml $(PROOF)

explain:
	@echo "This makes .venv, builds the lab, builds the cluster $(CLUSTER) in it with playbooks/site.yml, and lets"
	@echo "a client make requests. The first time it takes four to ten minutes, later ones some three."

# The first parts run two at a time, and the labs are built meanwhile.
PARTS = 'labs keepalived lint unit compat' kernel molecule

test: $(READY) ## run all tests, up to the first part that fails, and show what took how long
	@mkdir -p $(dir $(DURATIONS)); rm -f $(DURATIONS); export LVS_DURATIONS=$(DURATIONS); \
	for parts in $(PARTS); do \
		case $$parts in *' '*) options='--jobs=2 --output-sync';; *) options=;; esac; \
		echo "==== $$parts"; start=$$(date +%s); \
		$(MAKE) --no-print-directory $$options $$parts; status=$$?; \
		python tests/durations.py $$(($$(date +%s) - start)) $$parts; \
		[ $$status = 0 ] || break; \
	done; \
	python tests/durations.py; exit $$status

# ansible-test's sanity tests all run, none needs more than a package index: see tests/sanity/run.py.
lint: $(READY) ## check all files without running them
	ruff format --check
	ruff check
	mypy
	yamllint --strict .
	ansible-lint
	antsibull-changelog lint
	nox --session target
	python tests/sanity/run.py

unit: $(READY) ## run the tests that need neither root nor a kernel with IPVS
	rm -rf $(COVERAGE)/unit*
	coverage run --data-file=$(COVERAGE)/unit -m pytest --hypothesis-profile=ci tests/unit \
		--durations=10 $(PYTEST_ARGS)

# `nox` alone runs each ansible-core, also that of .venv, with which everything else here runs.
compat: $(READY) ## run unit tests and archive with the oldest and the newest ansible-core that run here
	nox --tags ci

keepalived: $(READY) ## have keepalived itself judge configurations (KEEPALIVED_EXAMPLES=N: so many, new at each run)
	rm -rf $(COVERAGE)/keepalived*
	python tests/keepalived/run.py $(PYTEST_ARGS)

kernel: labs ## run the modules on the lab's kernel, then show line coverage of unit and kernel
	rm -rf $(COVERAGE)/debian*
	$(IN_LAB) python tests/kernel/run.py $(PYTEST_ARGS)
	@# A worker that Ansible ended early has left half a file, which combine warns of.
	PYTHONWARNINGS=ignore coverage combine --quiet --keep --data-file=$(COVERAGE).combined \
		$(COVERAGE)/*
	coverage report --data-file=$(COVERAGE).combined

# Fail-over is timed, so that scenario has the machine to itself. The others run two at a time.
TEST = tests/integration/test_molecule.py::test_scenario
TIMED := keepalived_ha

molecule: labs ## run whole clusters in the labs, and the archive that users install (SCENARIO="a b": these only)
ifdef SCENARIO
	$(IN_LAB) pytest $(SCENARIO:%='$(TEST)[%]') $(PYTEST_ARGS)
else
	$(IN_LAB) pytest '$(TEST)[$(TIMED)]' $(PYTEST_ARGS)
	$(IN_LAB) pytest --numprocesses=2 --maxschedchunk=1 tests/integration --deselect='$(TEST)[$(TIMED)]' $(PYTEST_ARGS)
endif

TESTS ?= cluster

try: lab ## build a scenario's cluster or change the one that is kept, and run its tests (SCENARIO=..., TESTS=cluster)
	@# Molecule would trust it, and not create nodes that went with the lab or with another scenario.
	rm -rf $(MOLECULE_EPHEMERAL_DIRECTORY)
	$(IN_LAB) molecule converge --scenario-name $(SCENARIO)
	MOLECULE_SCENARIO_NAME=$(SCENARIO) $(IN_LAB) pytest molecule/$(SCENARIO)/tests/$(TESTS) $(PYTEST_ARGS)

lab: $(READY) ## bring the lab up: the place where IPVS and Docker work
	python lab/lab.py up

labs: $(READY) ## bring it up, and a second one with the kernel of Debian 13 where there is memory for two
	python lab/lab.py up --second

lab-down: ## take the labs away
	python3 lab/lab.py down

bench: lab ## measure what is claimed about speed
	$(IN_LAB) python benchmarks/run.py

clean: lab-down ## take the lab away, and what was built in this folder
	rm -rf .venv .cache .ansible .hypothesis .mypy_cache .pytest_cache .ruff_cache

$(READY): requirements-dev.txt
	@[ "$$($(FIND_PYTHON))" ] && command -v ip >/dev/null && command -v ps >/dev/null && command -v ssh >/dev/null || \
	{ $(APT_GET) update && $(APT_GET) install $(PACKAGES); }
	@python=$$($(FIND_PYTHON)); \
	[ "$$python" ] || { echo "Python 3.11 or later, with its venv, is needed."; exit 1; }; \
	$$python -m venv --clear .venv
	pip install --quiet --requirement requirements-dev.txt
	@touch $@
