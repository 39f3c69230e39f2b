# SPDX-License-Identifier: GPL-3.0-or-later
# The developer's commands. The first one that needs it sets everything up: see requirements-dev.txt
# for what goes into .venv, and lab/README.md for the lab.

CLUSTER ?= single_director
PYTEST_ARGS ?=
PYTHONS := python3.13 python3.12 python3.11 python3
SUDO := $(if $(filter-out 0,$(shell id -u)),sudo)
BIN := $(CURDIR)/.venv/bin
READY := .venv/ready
LAB = $(BIN)/python lab/lab.py
IN_LAB = $(LAB) exec --
BUILT = .cache/ansible_collections/lvs/cluster
export PATH := $(BIN):$(PATH)
export ANSIBLE_CONFIG := $(CURDIR)/ansible.cfg

.PHONY: help demo test lint unit kernel molecule lab lab-down bench clean

help: ## say what can be made
	@sed -n 's/^\([a-z-]*\):.*## /\1\t/p' $(MAKEFILE_LIST) | expand -t 10

demo: lab ## build a cluster (CLUSTER=single_director) in the lab and show that it answers
	$(IN_LAB) ansible-playbook -i inventories/$(CLUSTER) -i lab/nodes.yml lab/create.yml playbooks/site.yml playbooks/verify.yml

test: $(READY) ## lint, unit, kernel, molecule, in this order
	@for part in lint unit kernel molecule; do \
		echo "==== $$part$${before:+ ($$before)}"; start=$$(date +%s); \
		$(MAKE) --no-print-directory $$part || exit; \
		before="$$part took $$(($$(date +%s) - start)) s"; \
	done

lint: $(READY) ## what can be said of the files without running them

unit: $(READY) ## tests that need no root and no kernel
	rm -f .cache/coverage/unit.*
	coverage run --data-file=.cache/coverage/unit -m pytest tests/unit $(PYTEST_ARGS)

kernel: lab ## the modules against the lab's kernel; then line coverage, with unit's
	rm -f .cache/coverage/debian*
	$(IN_LAB) python tests/kernel/run.py $(PYTEST_ARGS)
	coverage combine --quiet --keep .cache/coverage
	coverage report

molecule: lab ## whole clusters in the lab, and the archive that users install
	$(IN_LAB) pytest tests/integration $(PYTEST_ARGS)

lab: $(READY) ## bring the lab up
	$(LAB) up

lab-down: ## take the lab away
	python3 lab/lab.py down

bench: lab ## measure what is claimed about speed
	$(IN_LAB) python benchmarks/ipvs_table

clean: lab-down ## take away the lab and whatever was built in this folder
	rm -rf .venv .cache .ansible .hypothesis .mypy_cache .pytest_cache .ruff_cache *.tar.gz
