# Copyright: (c) 2026, lvs.cluster contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The filter where it is used: in real playbooks, with Ansible's own inventories and templates."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
import yaml
from ansible.module_utils.common.arg_spec import ArgumentSpecValidator
from ansible_collections.lvs.cluster.plugins.filter import resolve
from ansible_collections.lvs.cluster.plugins.module_utils import _keepalived
from ansible_collections.lvs.cluster.plugins.module_utils._model_parser import parse_services
from ansible_collections.lvs.cluster.plugins.modules import ipvs_table

HERE = Path(__file__).resolve()
ROOT = next(folder for folder in HERE.parents if (folder / "galaxy.yml").exists())
RESOLVE = [
    {
        "ansible.builtin.import_tasks": str(ROOT / "playbooks" / "tasks" / "resolve_cluster.yml"),
        "vars": {"drained_hosts": []},
    }
]
SHOW = {"ansible.builtin.debug": {"msg": "{{ _cluster.services }}"}, "run_once": True}

T2 = """
all:
  vars:
    lvs_method: dr
    lvs_services:
      - name: web
        vip: 192.168.2.149
        port: 80
        protocol: tcp
        scheduler: wrr
        check: {type: tcp, connect_timeout: 10, retries: 3, delay_before_retry: 3}
  children:
    lvs_directors:
      hosts:
        d23: {ansible_host: 192.168.2.23, lvs_priority: 150}
        d31: {ansible_host: 192.168.2.31, lvs_priority: 100}
    lvs_realservers:
      vars: {lvs_weight: 100}
      hosts:
        rs20: {ansible_host: 192.168.2.20}
        rs21: {ansible_host: 192.168.2.21}
        rs22: {ansible_host: 192.168.2.22}
        d31:
        rs32: {ansible_host: 192.168.2.32}
    lvs_clients:
      hosts: {c10: {ansible_host: 192.168.2.10}}
"""


class Run:
    """The output of a playbook, and the messages of its tasks."""

    def __init__(self, folder, inventory, tasks, *options):
        if isinstance(inventory, str):
            (folder / "hosts").write_text(inventory)
            inventory = folder / "hosts"
        play = {"hosts": "all", "gather_facts": False, "tasks": tasks}
        (folder / "play.yml").write_text(yaml.safe_dump([play]))
        done = subprocess.run(
            [sys.executable, "-m", "ansible", "playbook", "-i", inventory, "play.yml", *options],
            cwd=folder,
            env={
                **os.environ,
                "ANSIBLE_COLLECTIONS_PATH": str(ROOT / ".collections"),
                "ANSIBLE_CALLBACK_RESULT_FORMAT": "yaml",
                "ANSIBLE_NOCOLOR": "1",
            },
            capture_output=True,
            text=True,
            check=False,
        )
        self.failed = done.returncode != 0
        self.text = done.stdout + done.stderr
        answers = re.findall(r"^ok: \[(\S+)\] => \n((?:    .*\n)+)", done.stdout, re.MULTILINE)
        found = [(host, yaml.safe_load(text)) for host, text in answers]
        self.answers = [(host, answer["msg"]) for host, answer in found if "msg" in answer]

    @property
    def message(self):
        """The message of the task that failed."""
        failure = re.search(r"^fatal: .* => \n((?:    .*\n)+)", self.text, re.MULTILINE)
        assert failure, self.text
        return yaml.safe_load(failure[1])["msg"]

    @property
    def mistakes(self):
        """The lines that the task before the failure displayed; a single one is its message."""
        count = re.fullmatch(r"The inventory has (\d+) mistakes\.", self.message)
        if not count:
            return [self.message]
        lines = self.text[self.text.index("TASK [Fail on invalid inventory]") :].splitlines()
        return lines[1 : 1 + int(count[1])]

    @property
    def services(self):
        """The only answer."""
        assert not self.failed, self.text
        ((_, services),) = self.answers
        return services


@pytest.fixture
def run(tmp_path):
    """Run tasks, or show what the filter gives, with an inventory."""

    def run(inventory, *options, tasks=None):
        return Run(tmp_path, inventory, tasks or [*RESOLVE, SHOW], *options)

    return run


def test_the_inventory_of_a_single_director_resolves(run):
    assert run(ROOT / "inventories" / "single_director").services == [
        {
            "name": "web",
            "vip": "192.168.2.149",
            "port": 80,
            "protocol": "tcp",
            "scheduler": "wrr",
            "destinations": [
                {"name": n, "address": a, "port": 80, "method": "dr", "weight": 5}
                for n, a in (("rs31", "192.168.2.31"), ("rs32", "192.168.2.32"))
            ],
        }
    ]


def test_resolved_services_are_valid_for_ipvs_table(run):
    services = run(T2, "--limit", "rs22").services
    assert [d["name"] for d in services[0]["destinations"]] == [
        "rs20",
        "rs21",
        "rs22",
        "d31",
        "rs32",
    ]
    assert parse_services(services)[1] == []
    options = yaml.safe_load(ipvs_table.DOCUMENTATION)["options"]

    def spec(options):
        return {
            name: {
                **{k: v for k, v in option.items() if k in ("type", "elements", "choices")},
                **({"options": spec(option["suboptions"])} if "suboptions" in option else {}),
            }
            for name, option in options.items()
        }

    validated = ArgumentSpecValidator(spec(options)).validate({"services": services})
    assert validated.error_messages == []


def test_templates_are_worked_out_for_the_host_whose_they_are(run):
    inventory = """
all:
  vars:
    lan: 192.168.2
    pool: lvs_realservers
    lvs_services:
      - {name: web, vip: "{{ lan }}.149", port: "{{ 70 + 10 }}", realservers: "{{ pool }}"}
  children:
    lvs_directors:
      hosts: {d23: {lvs_address: "{{ lan }}.23"}}
    lvs_realservers:
      vars:
        lvs_address: ["2001:db8::{{ last }}", "{{ lan }}.{{ last }}"]
        lvs_weights: {web: "{{ cores * 2 }}"}
        lvs_drained: "{{ inventory_hostname == 'rs32' }}"
      hosts:
        rs31: {last: 31, cores: 2}
        rs32: {last: 32, cores: 4}
        rs33: {last: 33, cores: 8}
"""
    (service,) = run(inventory).services
    assert (service["vip"], service["port"]) == ("192.168.2.149", 80)
    assert [(d["address"], d["weight"]) for d in service["destinations"]] == [
        ("192.168.2.31", 4),
        ("192.168.2.32", 0),
        ("192.168.2.33", 16),
    ]


def test_values_of_an_ini_inventory_and_of_the_command_line_are_understood(run):
    inventory = """
[lvs_directors]
d23 ansible_host=192.168.2.23
[lvs_realservers]
rs31 ansible_host=192.168.2.31 lvs_weight=5 lvs_drained=true
rs32 ansible_host=192.168.2.32 lvs_weights="{'web': 3}"
[all:vars]
lvs_services=[{"name": "web", "vip": "192.168.2.149", "port": 80}]
"""
    (service,) = run(inventory, "-e", "lvs_method=tun", "-e", "lvs_weight=7").services
    assert [(d["weight"], d["method"]) for d in service["destinations"]] == [(0, "tun"), (3, "tun")]


BROKEN = """
all:
  vars:
    lvs_services:
      - {name: web, vip: 192.168.2.149, port: 80, sheduler: rr}
      - {name: tls, vip: 192.168.2.149, port: 443, realserver_port: 8443}
  children:
    lvs_directors: {hosts: {d23: {ansible_host: 192.168.2.23}}}
    lvs_realservers:
      hosts:
        rs31: {ansible_host: 192.168.2.31, lvs_wieght: 5}
        rs32: {ansible_host: 192.168.2.31}
        rs33: {ansible_host: 192.168.2.33, lvs_weight: -5}
"""


def test_five_mistakes_get_five_lines_and_no_task_runs_afterwards(run):
    messages = run(
        BROKEN,
        tasks=[
            *RESOLVE,
            {"ansible.builtin.debug": {"msg": "a host was touched"}},
        ],
    )
    assert messages.failed
    assert "a host was touched" not in messages.text
    subjects = ["service web", "host rs31", "host rs33", "service tls", "hosts rs31 and rs32"]
    assert [line.partition(":")[0] for line in messages.mistakes] == subjects


def test_an_undefined_variable_is_reported_beside_the_other_mistakes(run):
    messages = run(BROKEN.replace("lvs_weight: -5", 'lvs_weight: "{{ nowhere }}"'))
    (line,) = (line for line in messages.mistakes if line.startswith("host rs33: lvs_weight "))
    assert "nowhere" in line
    assert len(messages.mistakes) == 5


@pytest.mark.parametrize("value", ["192.168.2.149", "tcp,"])
def test_an_undefined_variable_in_a_service_is_reported(run, value):
    messages = run(T2.replace(value, "'{{ nowhere }}'" + "," * value.endswith(",")))
    assert "can't be evaluated: " in messages.message
    assert "'nowhere' is undefined" in messages.message


def test_a_secret_is_in_no_message(run, tmp_path):
    (tmp_path / "password").write_text("of the vault")
    vault = [sys.executable, "-m", "ansible", "vault", "encrypt_string"]
    vault += ["--vault-password-file", "password", "hidden-secret"]
    secret = subprocess.run(vault, cwd=tmp_path, capture_output=True, text=True, check=True).stdout
    inventory = yaml.safe_dump(yaml.safe_load(T2)["all"]["vars"]) + f"lvs_auth_pass: {secret}"
    (tmp_path / "group_vars").mkdir()
    (tmp_path / "group_vars" / "all.yml").write_text(inventory)
    messages = run(T2, "--vault-password-file", "password", "-vvv")
    (line,) = messages.mistakes
    assert line.endswith(
        "lvs_auth_pass is longer than the 8 characters that VRRP takes; shorten it."
    )
    assert "hidden-secret" not in messages.text


def test_the_documentations_examples_work(run):
    tasks = yaml.safe_load(resolve.EXAMPLES)
    assert not run(T2, tasks=tasks).failed
    wrong = run(T2.replace("port: 80", "port: none"), tasks=tasks)
    assert wrong.message.startswith("service web: ")


def test_ansible_doc_shows_the_filter(tmp_path):
    done = subprocess.run(
        [sys.executable, "-m", "ansible", "doc", "-t", "filter", "lvs.cluster.resolve"],
        cwd=tmp_path,
        env={**os.environ, "ANSIBLE_COLLECTIONS_PATH": str(ROOT / ".collections")},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert "tunnel_sources" in done.stdout


@pytest.mark.parametrize(
    ("template", "reason"),
    [
        ("{{ nowhere }}", "'nowhere' is undefined"),
        ("{{ lookup('ansible.builtin.file', 'missing.yml') }}", "missing.yml"),
        ("{{ 1 // 0 }}", "zero"),
        ("{{ lvs_services }}", "lvs_services"),
    ],
)
def test_services_whose_template_fails_are_not_called_unset(run, template, reason):
    described = yaml.safe_load(T2)
    described["all"]["vars"]["lvs_services"] = template
    message = run(yaml.safe_dump(described), tasks=RESOLVE).message
    assert message.startswith("lvs_services can't be evaluated: ")
    assert reason in message
    assert len(message.splitlines()) == 1


@pytest.mark.parametrize(
    ("variable", "template"),
    [
        ("lvs_weight", "{{ 1 // 0 }}"),
        ("lvs_weight", "{{ lvs_weight }}"),
        ("lvs_weight", "{{ 5 | no_such_filter }}"),
        ("lvs_weight", "{{ 5"),
        ("lvs_address", "{{ lookup('ansible.builtin.file', 'missing.yml') }}"),
        ("ansible_host", "{{ nowhere }}"),
    ],
)
def test_a_variable_whose_template_fails_is_reported_as_that(run, variable, template):
    described = yaml.safe_load(T2)
    described["all"]["children"]["lvs_realservers"]["hosts"]["rs20"][variable] = template
    shown = run(yaml.safe_dump(described), tasks=RESOLVE)
    assert shown.failed
    assert f"host rs20: {variable} can't be evaluated: " in shown.text
    assert "host rs20: lvs_weight is" not in shown.text


def test_services_that_are_not_set_are_called_so(run):
    described = yaml.safe_load(T2)
    del described["all"]["vars"]["lvs_services"]
    assert run(yaml.safe_dump(described), tasks=RESOLVE).message == (
        "lvs_services is not set; list the cluster's services in it, for all hosts."
    )


def test_a_sync_daemon_on_a_network_of_its_own_follows_the_instance(run):
    """The role gives it the instance that the inventory need not name."""
    described = yaml.safe_load(T2)
    described["all"]["vars"]["lvs_keepalived"] = {"globals": {"sync_daemon": {"interface": "eth1"}}}
    role = ROOT / "roles" / "keepalived_ha"
    written = yaml.safe_load((role / "tasks" / "services.yml").read_text())[0]
    conf = written["lvs.cluster.keepalived_conf"]
    tasks = [
        *RESOLVE,
        {"ansible.builtin.include_vars": str(role / "vars" / "main.yml")},
        {
            "ansible.builtin.debug": {
                "msg": {"globals": conf["globals"], "instances": conf["instances"]}
            },
            "when": "inventory_hostname == 'd23'",
            "vars": {
                "keepalived_ha_vrrp": True,
                "keepalived_ha_interface": "eth0",
                "keepalived_ha_auth_pass": "",
                "keepalived_ha_instances": "{{ _cluster.directors.d23.instances }}",
                "keepalived_ha_globals": "{{ lvs_keepalived.globals }}",
            },
        },
    ]
    shown = run(yaml.safe_dump(described), tasks=tasks)
    assert not shown.failed, shown.text
    [(_, config)] = [answer for answer in shown.answers if answer[0] == "d23"]
    text = _keepalived.render(config)
    assert "lvs_sync_daemon eth1 inst lvs" in text


@pytest.mark.parametrize("name", ["dr_two_routers", "nat_two_networks"])
def test_a_cluster_of_several_systems_resolves_like_one_of_linux(run, name):
    """Only what a real server with another system does for itself differs."""
    show = {"ansible.builtin.debug": {"msg": "{{ _cluster }}"}, "run_once": True}
    found = [
        run(ROOT / "inventories" / each, tasks=[*RESOLVE, show]).services
        for each in (name, f"{name}_mixed")
    ]
    routes = [
        {host: plan["checks"].pop("route") for host, plan in cluster["hosts"].items()}
        for cluster in found
    ]
    for cluster in found:
        for plan in cluster["hosts"].values():
            plan["roles"].get("realserver_nat", {}).pop("route", None)
    assert found[0] == found[1]
    other = "default" if name == "nat_two_networks" else "policy"
    assert routes[1] == {**routes[0], "rs170": other, "rs180": other}
