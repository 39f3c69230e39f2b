# Copyright: (c) 2026, lvs.cluster contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""In which order playbooks do what on which host, with modules that only note that they ran.

What the modules do there, tests/kernel and molecule/ show.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
from pathlib import Path

import pytest
import yaml
from ansible.module_utils.parsing.convert_bool import boolean

ROOT = Path(__file__).parents[2]
SINGLE, PAIR = ROOT / "inventories" / "single_director", ROOT / "inventories" / "keepalived_ha"
BUILTIN = "command copy file package setup shell systemd_service user".split()

STUB = """
import json, os
from ansible.plugins.action import ActionBase

class ActionModule(ActionBase):
    _requires_connection = False

    def run(self, tmp=None, task_vars=None):
        name, args = self._task.action.split(".")[-1], self._task.args
        host = self._task.delegate_to or task_vars["inventory_hostname"]
        with open(os.environ["STUB"] + "/setup.json") as file:
            setup = json.load(file)
        with open(os.environ["STUB"] + "/log", "a") as log:
            log.write(json.dumps([host, name, args]) + "\\\\n")
        if [host, name] in setup["fails"]:
            return {"failed": True, "msg": "no"}
        if host in setup["leased"] and name == "director_lease" and args.get("state") != "absent":
            msg = "drain.yml is changing it."
            return {"failed": True, "msg": msg, "held_by": {}, "refused": f"{host}: {msg}"}
        kept = setup["saved"].get(host, []) if args.get("prune") is False else []
        result = {
            "changed": False,
            "interface": "lo",
            "kept": [vip for vip in kept if vip not in args.get("vips", ())],
            "ansible_facts": {"os_family": "Debian", "pkg_mgr": "apt"},
            **(setup["found"].get(host, setup["found"]["any"]) if name == "preflight" else {}),
            **setup["returns"].get(host, {}).get(name, {}),
        }
        if name == "preflight":
            installed, needed = result["installed_roles"], args.get("roles", [])
            former = [role for role in installed if role not in needed]
            of_director = ("keepalived_ha", "director")
            result["former_director_roles"] = [role for role in of_director if role in former]
            result["former_realserver_roles"] = [r for r in former if r not in of_director]
        return result
""".replace("\\\\", "\\")

NO_VRRP = {"instances": [], "differences": [], "peers": [], "sources": [], "holds": False}
NOTHING = {
    "lines": [],
    "findings": [],
    "interfaces": ["eth0"],
    "vip_interface": "eth0",
    "macs": [],
    "all_macs": [],
    "addresses": [],
    "installed_roles": [],
    "vrrp": NO_VRRP,
    "host_state": {"os_family": "Debian", "packages": [], "kernel_modules": [], "state_files": []},
}


def director(address, peer, *differences, holds=False):
    vrrp = {"instances": ["lvs"], "differences": list(differences), "peers": [peer]}
    vrrp |= {"sources": [address], "holds": holds}
    return {**NOTHING, "installed_roles": ["director", "keepalived_ha"], "vrrp": vrrp}


DIRECTORS = "--limit=lvs_directors"
D23, D31 = "192.168.2.23", "192.168.2.31"


@pytest.fixture(scope="module")
def collection(tmp_path_factory):
    """A copy of the collection whose modules are stubs, and those of ansible-core in its place."""
    path = tmp_path_factory.mktemp("stubs")
    copy = path / "ansible_collections" / "lvs" / "cluster"
    for name in ("playbooks", "roles", "plugins", "meta"):
        shutil.copytree(ROOT / name, copy / name)
    shutil.copy(ROOT / "galaxy.yml", copy)
    modules = {file.stem for file in (copy / "plugins" / "modules").glob("*.py")} - {"report"}
    for name in (*modules, *BUILTIN):
        (copy / "plugins" / "action" / f"{name}.py").write_text(STUB)
    for file in (*copy.glob("playbooks/**/*.yml"), *copy.glob("roles/*/tasks/*.yml")):
        text = re.sub(
            rf"ansible\.builtin\.({'|'.join(BUILTIN)}):", r"lvs.cluster.\1:", file.read_text()
        )
        file.write_text(text)
    return path


@pytest.fixture
def site(collection, tmp_path):
    """Run a playbook; return what ran as (host, module, arguments), and what it printed.

    ``returns`` has by host and module what that returns.
    """

    def run(
        inventory,
        *options,
        play="site",
        fails=(),
        saved=(),
        found=(),
        leased=(),
        returns=(),
        ok=True,
    ):
        setup = {"fails": fails, "saved": dict(saved), "leased": leased, "returns": dict(returns)}
        setup["found"] = {"any": NOTHING, **dict(found)}
        (tmp_path / "setup.json").write_text(json.dumps(setup))
        log = tmp_path / "log"
        log.write_text("")
        done = subprocess.run(
            ["ansible-playbook", "-i", inventory, f"lvs.cluster.{play}", *options],
            env={
                **{k: v for k, v in os.environ.items() if not k.startswith("ANSIBLE_")},
                "ANSIBLE_COLLECTIONS_PATH": str(collection),
                "STUB": str(tmp_path),
            },
            cwd=tmp_path,
            check=False,
            capture_output=True,
            text=True,
            timeout=300,
        )
        assert (done.returncode == 0) is ok, done.stdout + done.stderr
        return [tuple(json.loads(line)) for line in log.read_text().splitlines()], done.stdout

    return run


def at(ran, host, module, **arguments):
    """Return when a module ran on a host with some arguments, first to last."""
    return [
        number
        for number, (where, name, args) in enumerate(ran)
        if (where, name) == (host, module) and arguments.items() <= args.items()
    ]


def test_real_servers_are_pruned_once_the_director_is_configured(site):
    ran, _ = site(SINGLE, saved={"rs32": ["192.168.2.150"]})
    [first] = at(ran, "rs32", "vip_iface", prune=False)
    [last] = at(ran, "rs32", "vip_iface", prune=True)
    [table] = at(ran, "d23", "ipvs_table")
    assert first < table < last


#: Each costs a second or more on each host.
MODULES = {
    "d23": ["preflight", "sysctls", "ipvs_table", "vip_iface", "boot_unit"],
    "rs31": ["preflight", "arp_suppress", "vip_iface", "boot_unit"],
}
FOR_THE_FIRST_TIME = {
    "d23": ["preflight", "package", "command", "sysctls", "ipvs_table", "vip_iface", "boot_unit"],
    "rs31": ["preflight", "package", "arp_suppress", "vip_iface", "boot_unit"],
}
BUILT = {
    "os_family": "Debian",
    "packages": ["iproute2", "ipvsadm", "kmod", "nftables", "python3-pyroute2"],
    "kernel_modules": ["ip_vs"],
    "state_files": ["/etc/lvs/director.ip", "/etc/lvs/director.ipvs"],
}


@pytest.mark.parametrize(
    ("state", "modules"), [(BUILT, MODULES), (NOTHING["host_state"], FOR_THE_FIRST_TIME)]
)
def test_no_module_runs_that_has_nothing_to_do(site, state, modules):
    ran, _ = site(SINGLE, found={"any": {**NOTHING, "host_state": state}})
    leased = {"d23": ["director_lease", *modules["d23"], "director_lease"], "rs31": modules["rs31"]}
    assert {host: [name for where, name, _ in ran if where == host] for host in leased} == leased


def test_former_director_configuration_is_removed(site):
    """Once a service by a mark, and an IPv6 VIP, needed these."""
    files = ["/etc/lvs/director.nft", "/etc/sysctl.d/90-lvs-director-vips.conf"]
    state = {**BUILT, "state_files": [*BUILT["state_files"], *files]}
    ran, _ = site(SINGLE, found={"any": {**NOTHING, "host_state": state}})
    assert len(at(ran, "d23", "nft_table", save=files[0], state="absent")) == 1
    assert len(at(ran, "d23", "sysctls", save=files[1], values={})) == 1


@pytest.mark.parametrize("fails", [[["d23", "ipvs_table"]], []], ids=["fails", "limit"])
def test_real_servers_are_not_pruned_before_that(site, fails):
    limit = [] if fails else ["--limit=rs32"]
    saved = {"rs32": ["192.168.2.150"]}
    found = {"rs32": {**NOTHING, "installed_roles": ["realserver_dr", "realserver_nat"]}}
    ran, output = site(SINGLE, *limit, fails=fails, saved=saved, found=found, ok=not fails)
    assert at(ran, "rs32", "vip_iface", prune=True) == []
    assert at(ran, "rs32", "return_route", state="absent") == []
    stays = "rs32: former configuration of realserver_dr and realserver_nat is kept"
    assert (stays in output) is not fails


def test_files_for_boot_stay_until_keepalived_runs(site):
    """A single director becomes one of a pair."""
    single = {**NOTHING, "installed_roles": ["director"], "host_state": BUILT}
    ran, _ = site(PAIR, DIRECTORS, found={"d23": single})
    [written] = at(ran, "d23", "keepalived_conf")
    [removed] = [n for n in at(ran, "d23", "command") if "rm" in ran[n][2].get("argv", ())]
    assert written < removed
    assert at(ran, "d31", "systemd_service", state="stopped") == []


CHANGE = {"d23": director(D23, D31, "password"), "d31": director(D31, D23, "password", holds=True)}


def test_directors_that_have_to_agree_change_one_after_the_other(site):
    """The backup, which fails here, is not started with the former settings."""
    ran, _ = site(PAIR, DIRECTORS, found=CHANGE, fails=[["d23", "keepalived_conf"]], ok=False)
    [stopped] = at(ran, "d23", "systemd_service", state="stopped")
    [first], [second] = at(ran, "d31", "keepalived_conf"), at(ran, "d23", "keepalived_conf")
    assert stopped < first < second == len(ran) - 1
    assert at(ran, "d31", "systemd_service", state="stopped") == []


def test_a_backup_starts_again_if_the_master_did_not_change(site):
    ran, _ = site(PAIR, DIRECTORS, found=CHANGE, fails=[["d31", "keepalived_conf"]], ok=False)
    [failed] = at(ran, "d31", "keepalived_conf")
    [started] = at(ran, "d23", "systemd_service", state="started")
    assert failed < started
    assert at(ran, "d23", "keepalived_conf") == []


def test_agreed_settings_are_not_changed_on_some_directors_only(site):
    ran, output = site(PAIR, "--limit=d31", found=CHANGE, ok=False)
    assert (
        "d31: settings on which all directors have to agree change here (password), and d23 "
        in output
    )
    assert {name for _, name, _ in ran} == {"director_lease", "preflight"}
    assert len(at(ran, "d31", "director_lease", state="absent")) == 1


def test_a_director_that_the_inventory_no_longer_has_is_reported(site, tmp_path):
    inventory = yaml.safe_load((PAIR / "hosts.yml").read_text())
    inventory["all"]["vars"]["lvs_ha"] = "vrrp"
    for group in ("lvs_directors", "lvs_realservers"):
        del inventory["all"]["children"][group]["hosts"]["d31"]
    path = tmp_path / "hosts.yml"
    path.write_text(yaml.safe_dump(inventory))
    options = {"play": "preflight", "found": CHANGE}
    _, output = site(path, DIRECTORS, **options, ok=False)
    assert f"d23: {D31} is a peer in keepalived.conf here" in output
    site(path, DIRECTORS, f"--extra-vars=site_removed_directors={D31}", **options)


@pytest.mark.parametrize("options", [["--extra-vars=site_removed_directors=[]"], ["--check"]])
def test_directors_are_leased_before_anything_is_read_there(site, options):
    ran, _ = site(PAIR, DIRECTORS, *options)
    for name in ("d23", "d31"):
        taken, given_back = at(ran, name, "director_lease")
        assert ran[given_back][2] == {"state": "absent"}
        on_it = [number for number, (host, *_) in enumerate(ran) if host == name]
        assert (on_it[0], on_it[-1]) == (taken, given_back)


def test_the_lease_of_a_run_that_was_killed_is_taken_on_request(site):
    for options, take in ([], False), (["--extra-vars=take_lease=true"], True):
        ran, _ = site(PAIR, DIRECTORS, *options)
        for name in ("d23", "d31"):
            taken, _given_back = at(ran, name, "director_lease")
            assert boolean(ran[taken][2]["take"]) is take


@pytest.mark.parametrize("play", ["site", "drain", "undrain", "teardown"])
def test_a_director_that_another_run_is_changing_is_left_alone(site, play):
    """And so is the one that could be leased."""
    options = ["--extra-vars=teardown_confirm=true realservers=rs32"]
    ran, output = site(PAIR, DIRECTORS, *options, play=play, leased=["d31"], ok=False)
    assert {name for _, name, _ in ran} <= {"director_lease", "preflight"}
    assert len(at(ran, "d23", "director_lease", state="absent")) == 1
    assert "d31: drain.yml is changing it." in output


VIP = "192.168.2.149"


def upgraded(held_vips=(VIP,)):
    """Return what modules find on a pair whose master d23 holds the VIP; d31 takes it over."""
    table = {"services": [], "counters": [], "sync_daemons": [{"state": "backup"}]}
    unit = {"active": True, "current": True, "applied": True}
    file = {"/etc/keepalived/keepalived.conf": ""}
    host = {"links": [], "units": [], "files": file, "keepalived": unit}
    link = {"ifname": "eth0", "flags": ["UP"], "addr_info": [{"local": VIP}]}
    backup = {**host, "held_vips": list(held_vips)}
    return {
        "d23": {"ipvs_info": table, "host_info": {**host, "links": [link]}},
        "d31": {"ipvs_info": table, "host_info": backup},
    }


def test_an_upgrade_hands_over_the_vips_and_back(site):
    ran, _ = site(PAIR, DIRECTORS, play="upgrade", returns=upgraded())
    unit = "keepalived.service"
    [backup] = at(ran, "d31", "vip_handover", unit=unit)
    [master] = at(ran, "d23", "vip_handover", unit=unit)
    assert ran[backup][2] == {"vips": [], "unit": unit}
    assert ran[master][2] == {"vips": [VIP], "unit": unit}
    [held] = at(ran, "d31", "host_info", vips=[VIP])
    [masked] = [n for n in at(ran, "d23", "command") if " mask " in ran[n][2]["cmd"]]
    [unmasked] = [n for n in at(ran, "d23", "command") if " unmask " in ran[n][2]["cmd"]]
    packages = at(ran, "d23", "package", state="latest")
    [started] = at(ran, "d23", "systemd_service", state="started")
    [back] = at(ran, "d31", "vip_handover", vips=[VIP])
    [instance] = ran[back][2]["preempted_by"]
    assert (instance["vips"], instance["priority"]) == ([VIP], 150)
    [_table, sync] = at(ran, "d23", "ipvs_info")
    [wait] = at(ran, "d23", "ipvs_wait")
    order = [backup, master, held, masked, *packages, unmasked, started, back, sync, wait]
    assert packages
    assert order == sorted(order)
    # What is between costs time in which keepalived is stopped, or new connections are lost.
    assert (held, back) == (master + 1, started + 1)


def test_keepalived_is_started_again_if_no_other_director_takes_over(site):
    returns = upgraded(held_vips=())
    ran, output = site(PAIR, DIRECTORS, play="upgrade", returns=returns, ok=False)
    assert f"d23: d31 did not take over {VIP}, so keepalived is started again here." in output
    [stopped] = at(ran, "d23", "vip_handover")
    [started] = at(ran, "d23", "systemd_service", state="started")
    assert stopped < started == len(ran) - 1
    assert [n for n in at(ran, "d23", "command") if n > stopped] == []


def test_an_upgrade_needs_two_directors_of_which_one_holds_the_vip(site):
    returns = upgraded()
    ran, output = site(PAIR, "--limit=d23", play="upgrade", returns=returns, ok=False)
    assert "--limit leaves one director; an upgrade needs two." in output
    returns["d31"]["host_info"]["links"] = returns["d23"]["host_info"]["links"]
    more, output = site(PAIR, DIRECTORS, play="upgrade", returns=returns, ok=False)
    assert f"d23 and d31 hold {VIP}, but only one director must hold it." in output
    assert "vip_handover" not in {name for _, name, _ in ran + more}


def test_check_mode_of_an_upgrade_waits_for_no_director(site):
    returns = upgraded(held_vips=())
    ran, _ = site(PAIR, DIRECTORS, "--check", play="upgrade", returns=returns)
    assert at(ran, "d31", "vip_handover", vips=[VIP]) == []
    assert len(at(ran, "d23", "vip_handover")) == 1
