# Copyright: (c) 2026, lvs.cluster contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""What an operator reads who installed the archive and has no ansible.cfg: text, in lines.

No host of these inventories can be reached. What playbooks print of a cluster that runs is shown in
molecule/.
"""

from __future__ import annotations

import copy
import json
import socket
from pathlib import Path

import pytest
import yaml

ROOT = Path(__file__).parents[2]
SINGLE, PAIR = ("single_director", "keepalived_ha")

#: A callback plugin whose output is for programs, as ansible.posix.json is.
JSON = """
from ansible.plugins.callback import CallbackBase
import json

class CallbackModule(CallbackBase):
    CALLBACK_VERSION, CALLBACK_TYPE, CALLBACK_NAME = 2.0, "stdout", "json"
    results = []

    def v2_runner_on_ok(self, result):
        self.results.append(json.loads(self._dump_results(result._result)))

    def v2_runner_on_failed(self, result, ignore_errors=False):
        self.v2_runner_on_ok(result)

    def v2_playbook_on_stats(self, stats):
        self._display.display(json.dumps(self.results))
"""


@pytest.fixture(scope="module")
def nowhere():
    """Variables that lead each connection to a port where nothing listens."""
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        common = f"-oStrictHostKeyChecking=no -oHostName=127.0.0.1 -oPort={unused.getsockname()[1]}"
        yield {"ansible_ssh_common_args": common}


@pytest.fixture
def inventory(tmp_path, nowhere):
    """Write a shipped inventory with other services, of hosts that can't be reached."""

    def write(name=SINGLE, **service):
        shipped = yaml.safe_load((ROOT / "inventories" / name / "hosts.yml").read_text())
        variables = shipped["all"]["vars"]
        variables.update(nowhere)
        [web] = variables["lvs_services"]
        variables["lvs_services"] = [{**web, **service}]
        if service.get("others"):
            others = variables["lvs_services"].pop().pop("others")
            variables["lvs_services"] = [web, *({**copy.deepcopy(web), **o} for o in others)]
        path = tmp_path / "hosts.yml"
        path.write_text(yaml.safe_dump(shipped))
        return path

    return write


@pytest.fixture
def play(run, elsewhere):
    """Run a playbook of the installed collection that has to fail; return what it prints."""

    def play(name, path, *options, **environment):
        command = ["ansible-playbook", "-i", path, f"lvs.cluster.{name}", *options]
        variables = {"ANSIBLE_COLLECTIONS_PATH": str(elsewhere), **environment}
        output = run(*command, cwd=elsewhere, fails=True, **variables)
        assert environment or r"\n" not in output
        return output

    return play


def test_a_rollout_with_the_former_option_hosts_is_refused(play, inventory):
    output = play("rollout", inventory(), "--extra-vars=hosts=rs31")
    assert "give the real servers with -e realservers=NAME,NAME" in output


def test_mistakes_of_an_inventory_are_shown_as_lines(play, inventory):
    output = play("site", inventory(scheduler="wrrr", port=80000))
    lines = [line for line in output.splitlines() if line.startswith("service web: ")]
    assert len(lines) == 2
    assert "wrrr" in "".join(lines)
    assert "80000" in "".join(lines)
    assert '"msg": "The inventory has 2 mistakes."' in output


def test_a_single_mistake_is_the_message_of_the_task(play, inventory):
    output = play("site", inventory(port=80000))
    assert '"msg": "service web: ' in output
    assert not any(line.startswith("service web: ") for line in output.splitlines())


def test_status_of_a_director_that_is_unreachable(play, inventory):
    output = play("status", inventory())
    assert "d23: unreachable" in output.splitlines()
    assert '"msg": "d23 can\'t be read: ' in output
    assert "Connection refused" in output


def test_status_of_directors_that_are_unreachable(play, inventory, tmp_path):
    file = tmp_path / "status.json"
    output = play("status", inventory(PAIR), "-e", f"status_file={file}")
    lines = output.splitlines()
    assert {"d23: unreachable", "d31: unreachable"} <= set(lines)
    for name in ("d23", "d31"):
        assert [line for line in lines if line.startswith(f"{name} can't be read: ")]
    assert "No director can be read, so the state of the cluster is unknown." in output
    assert [d["state"] for d in json.loads(file.read_text())["directors"]] == ["unreachable"] * 2


@pytest.mark.parametrize("playbook", ["status", "verify"])
def test_the_status_as_a_page(play, inventory, tmp_path, playbook):
    file = tmp_path / "status.html"
    play(playbook, inventory(), "-e", f"status_file={file}")
    text = file.read_text()
    assert text.startswith("<!doctype html>")
    assert "d23 can&#39;t be read: " in text
    assert f"Written by lvs.cluster {playbook}" in text
    assert file.stat().st_mode & 0o777 == 0o644


def test_check_mode_writes_no_status(play, inventory, tmp_path):
    file = tmp_path / "status.html"
    play("status", inventory(), "-e", f"status_file={file}", "--check")
    assert not file.exists()


def test_a_status_file_that_cannot_be_written(play, inventory, tmp_path):
    file = tmp_path / "missing" / "status.html"
    output = play("status", inventory(), "-e", f"status_file={file}")
    [line] = [line for line in output.splitlines() if line.startswith("status_file ")]
    assert line == (
        f"status_file {file} can't be written: Destination directory {file.parent} does not exist."
    )


@pytest.mark.parametrize("playbook", ["status", "verify", "drain", "undrain", "rollout"])
def test_without_a_director_the_state_of_the_cluster_is_unknown(play, inventory, playbook):
    assert "No host of lvs_directors takes part" in play(playbook, inventory(), "--limit=rs31")


def test_verify_lists_each_service_and_why_it_was_not_tested(play, inventory):
    others = [
        {"name": "syslog", "port": 514, "protocol": "udp"},
        {"name": "diameter", "port": 3868, "protocol": "sctp"},
    ]
    lines = play("verify", inventory(others=others)).splitlines()
    for title, reason in (
        ("web, 192.168.2.149:80, wrr", "no client took part"),
        ("syslog, udp 192.168.2.149:514, wrr", "it has no check; add one of type dns or udp"),
        ("diameter, sctp 192.168.2.149:3868, wrr", "this is SCTP"),
    ):
        assert lines[lines.index(title) + 1].startswith("  not tested: ")
        assert reason in lines[lines.index(title) + 1]
    assert "syslog, udp 192.168.2.149:514, wrr: not tested: it has no check" in "\n".join(lines)
    for sentence in ("d23 can't be read: ", "c10 can't send requests: "):
        assert len([line for line in lines if line.startswith(sentence)]) == 1
    assert [line for line in lines if line.startswith("rs31: ") and "Connection refused" in line]
    assert "There are no differences from the inventory." not in lines


def test_adopt_lists_what_is_not_representable(run, elsewhere, tmp_path):
    rules = tmp_path / "table.rules"
    rules.write_text("-A -t 192.168.2.149:80 -s rr\n-a -t 192.168.2.149:80 -r 192.168.2.31:80 -g\n")
    command = ["ansible-playbook", "lvs.cluster.adopt", "-e", f"adopt_from={rules}"]
    output = run(
        *command,
        "-e",
        f"adopt_to={tmp_path / 'hosts.yml'}",
        cwd=elsewhere,
        ANSIBLE_COLLECTIONS_PATH=str(elsewhere),
    )
    assert [
        line
        for line in output.splitlines()
        if line.startswith(f"{tmp_path / 'hosts.yml'} represents ")
    ]
    assert r"\n" not in output


@pytest.mark.parametrize("callback", ["minimal", "oneline"])
def test_other_terminal_callbacks_show_lines(play, inventory, callback):
    output = play("status", inventory(PAIR), ANSIBLE_STDOUT_CALLBACK=callback)
    assert {"d23: unreachable", "d31: unreachable"} <= set(output.splitlines())


def test_yaml_in_the_default_callback(play, inventory):
    output = play("status", inventory(PAIR), ANSIBLE_CALLBACK_RESULT_FORMAT="yaml")
    assert output.splitlines().count("d23: unreachable") == 1


def test_a_callback_for_programs_gets_data_and_no_text(play, inventory, tmp_path):
    (tmp_path / "plugins").mkdir()
    (tmp_path / "plugins" / "json.py").write_text(JSON)
    variables = {
        "ANSIBLE_STDOUT_CALLBACK": "json",
        "ANSIBLE_CALLBACK_PLUGINS": str(tmp_path / "plugins"),
    }
    results = json.loads(play("status", inventory(PAIR), **variables))
    assert results[-1]["lines"][:2] == ["d23: unreachable", "d31: unreachable"]
    assert len(results[-1]["errors"]) == 2
    assert [d["name"] for d in results[-1]["data"]["directors"]] == ["d23", "d31"]
    assert results[-1]["msg"].splitlines()[1:] == results[-1]["errors"]
