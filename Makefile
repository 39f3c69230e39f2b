# SPDX-License-Identifier: GPL-3.0-or-later
# Commands for developers. Each sets up what it needs: missing packages (with sudo, on Debian and
# Ubuntu), the tools in .venv, the lab.

METHOD ?= dr
CLUSTER ?= single_director$(patsubst %,_%,$(filter-out dr,$(METHOD)))
PYTEST_ARGS ?=
# What .venv gets: ranges, or with requirements-dev.lock the exact files that the lock has hashes of.
REQUIREMENTS ?= requirements-dev.txt

VENV := $(CURDIR)/.venv
READY := .venv/ready
PAGES_READY := .venv/pages
COVERAGE := .cache/coverage
DURATIONS := $(CURDIR)/.cache/durations
IN_LAB := python lab/lab.py exec --
APT_GET := $(if $(filter-out 0,$(shell id -u)),sudo) env DEBIAN_FRONTEND=noninteractive \
	apt-get --yes --no-install-recommends
export PATH := $(VENV)/bin:$(PATH)
export ANSIBLE_CONFIG := $(CURDIR)/ansible.cfg
try: export MOLECULE_EPHEMERAL_DIRECTORY := $(CURDIR)/.cache/molecule/$(SCENARIO)

# make takes a blank for the end of a name.
$(if $(word 2,$(CURDIR)),$(error The path of this folder, $(CURDIR), has a blank; move the clone to a path without one))

PACKAGES := iproute2 openssh-client procps python3-venv systemd # needed on this host; the lab installs its own
BROWSER := chromium fonts-dejavu-core

# Print the first Python that can create .venv.
FIND_PYTHON := for python in python3.13 python3.12 python3.11 python3; do \
	$$python -c 'import ensurepip, sys, venv; sys.exit(sys.version_info < (3, 11))' 2>/dev/null \
	&& echo $$python && break; done

.PHONY: help demo explain test lint docs unit pages compat keepalived bird kernel coverage molecule try lab labs lab-down bench lock clean

help: ## list the targets
	@sed -n 's/^\([a-z-]*\):.*## /make \1\t/p' Makefile | expand -t 16

# With several directors, the demo also sets the link of the master down, or cuts the power of one of them.
PROOF = $(if $(filter keepalived_%,$(CLUSTER)),lab/failover.yml,$(if $(filter scale_out,$(CLUSTER)),lab/power_cut.yml,playbooks/verify.yml))

demo: explain lab ## build a cluster in the lab (METHOD=dr, tun, nat, fullnat or CLUSTER=...) and send requests to it
	$(IN_LAB) ansible-playbook -i inventories/$(CLUSTER) -i lab/nodes.yml -i lab/clusters/$(CLUSTER).yml \
		lab/create.yml playbooks/site.yml $(PROOF)

explain:
	@echo "This creates .venv and the lab, builds the cluster $(CLUSTER) there with playbooks/site.yml, and sends"
	@echo "requests from a client. The first run takes three to ten minutes, later ones about two."

# Two parts run at a time: those in the labs one after the other, and beside them, with what these
# leave of the processors, those that need no lab. Lines of them are shown when a part has ended.
IN_LABS = labs kernel molecule
OUTSIDE = lint docs unit pages compat keepalived bird

test: $(READY) ## run all tests, up to the first part that fails, and list their durations
	@mkdir -p $(dir $(DURATIONS)); rm -f $(DURATIONS); export LVS_DURATIONS=$(DURATIONS); start=$$(date +%s); \
	$(MAKE) --no-print-directory --jobs=2 --output-sync $(patsubst %,part-%,$(IN_LABS) $(OUTSIDE)) coverage; \
	status=$$?; python tests/durations.py $$(($$(date +%s) - start)) all; python tests/durations.py; exit $$status

part-%:
	@echo "==== $*"; start=$$(date +%s); \
	$(if $(filter $*,$(OUTSIDE)),nice --adjustment=19) $(MAKE) --no-print-directory $*; \
	status=$$?; python tests/durations.py $$(($$(date +%s) - start)) $*; exit $$status

part-kernel: | part-labs
part-molecule: | part-kernel
part-docs: | part-lint
part-unit: | part-docs
part-pages: | part-unit
part-compat: | part-pages
part-keepalived: | part-compat
part-bird: | part-keepalived
coverage: | $(if $(filter part-%,$(MAKECMDGOALS)),part-kernel part-bird)

# All sanity tests of ansible-test run; they need no more than a package index, see tests/sanity/run.py.
lint: $(READY) ## check all files without running them
	ruff format --check
	ruff check
	mypy
	yamllint --strict .
	ansible-lint
	antsibull-changelog lint
	antsibull-docs lint-collection-docs --plugin-docs --validate-collection-refs=self .
	codespell
	reuse lint --quiet
	shellcheck .ci/run
	nox --session target
	python tests/sanity/run.py

docs: $(READY) ## build the documentation site into .cache/docs/html, and check its links
	python tools/site/build.py

unit: $(READY) ## run the tests that need neither root nor a kernel with IPVS
	rm -rf $(COVERAGE)/unit*
	coverage run --data-file=$(COVERAGE)/unit -m pytest --hypothesis-profile=ci tests/unit \
		--durations=10 $(PYTEST_ARGS)

pages: $(PAGES_READY) ## test the pages of the status in a browser: size, colours, accessibility
	pytest tests/pages $(PYTEST_ARGS)

# Without arguments, `nox` tests every ansible-core, also that of .venv, which all other targets use.
compat: $(READY) ## run unit and archive tests with the oldest and the newest ansible-core that run here
	nox --tags ci

keepalived: $(READY) ## check configurations with keepalived itself (KEEPALIVED_EXAMPLES=N: N random ones, new at each run)
	rm -rf $(COVERAGE)/keepalived*
	python tests/keepalived/run.py $(PYTEST_ARGS)

bird: $(READY) ## check configurations with BIRD itself (BIRD_EXAMPLES=N: N random ones, new at each run)
	rm -rf $(COVERAGE)/bird*
	python tests/bird/run.py $(PYTEST_ARGS)

kernel: labs ## run the modules on the kernels of the labs
	rm -rf $(COVERAGE)/debian*
	$(IN_LAB) python tests/kernel/run.py $(PYTEST_ARGS)

coverage: ## show line coverage by the last unit, keepalived, bird and kernel
	@# Workers that Ansible ended early leave incomplete files, and combine warns about them.
	PYTHONWARNINGS=ignore coverage combine --quiet --keep --data-file=$(COVERAGE).combined \
		$(COVERAGE)/*
	coverage report --data-file=$(COVERAGE).combined

TEST = tests/integration/test_molecule.py::test_scenario

molecule: labs ## test whole clusters in the labs, and the archive that users install (SCENARIO="a b": these only)
ifdef SCENARIO
	$(IN_LAB) pytest $(SCENARIO:%='$(TEST)[%]') $(PYTEST_ARGS)
else
	$(IN_LAB) pytest --numprocesses=2 --maxschedchunk=1 tests/integration $(PYTEST_ARGS)
endif

TESTS ?= cluster

try: lab ## build or change the cluster of a scenario, and run its tests (SCENARIO=..., TESTS=cluster)
	@# Molecule would trust its state, and not create nodes that went with the lab or another scenario.
	rm -rf $(MOLECULE_EPHEMERAL_DIRECTORY)
	$(IN_LAB) molecule converge --scenario-name $(SCENARIO)
	MOLECULE_SCENARIO_NAME=$(SCENARIO) $(IN_LAB) pytest molecule/$(SCENARIO)/tests/$(TESTS) $(PYTEST_ARGS)

lab: $(READY) ## start the lab, in which IPVS and Docker work
	python lab/lab.py up

labs: $(READY) ## start the lab, and a second one with the kernel of Debian 13 if there is memory for two
	python lab/lab.py up --second

lab-down: ## remove the labs
	python3 lab/lab.py down

bench: lab ## run the benchmarks
	$(IN_LAB) python benchmarks/run.py

lock: $(READY) ## renew requirements-dev.lock: the newest versions that requirements-dev.txt allows, with hashes
	nox --session lock

clean: lab-down ## remove the labs, and all files that were built in this directory
	rm -rf .venv .cache .ansible .hypothesis .mypy_cache .pytest_cache .ruff_cache

$(READY): $(REQUIREMENTS)
	@[ "$$($(FIND_PYTHON))" ] && command -v ip >/dev/null && command -v ps >/dev/null && command -v ssh >/dev/null && \
	command -v systemd-analyze >/dev/null || \
	{ $(APT_GET) update && $(APT_GET) install $(PACKAGES); }
	@python=$$($(FIND_PYTHON)); \
	[ "$$python" ] || { echo "Python 3.11 or later, with its venv, is needed."; exit 1; }; \
	$$python -m venv --clear .venv
	pip install --quiet --requirement $(REQUIREMENTS)
	@touch $@

$(PAGES_READY): tests/pages/requirements.txt $(READY)
	@command -v chromium >/dev/null || { $(APT_GET) update && $(APT_GET) install $(BROWSER); }
	pip install --quiet --requirement $<
	@touch $@
