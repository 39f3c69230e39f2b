# Copyright: (c) 2026, lvs.cluster contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The module bird_conf with two real BIRDs, a director's and a router's, in namespaces."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import threading
import time

import pytest
from ansible_collections.lvs.cluster.plugins.module_utils import _bird, _bird_applied, _bird_reader
from ansible_collections.lvs.cluster.tests.run_module import run_module as run_in_this_process

DIRECTOR, ROUTER = "10.99.1.11", "10.99.1.1"
DIRECTOR6, ROUTER6 = "2001:db8:99::11", "2001:db8:99::1"
VIP, SECOND, UNLISTED, VIP6 = "203.0.113.10", "203.0.113.11", "203.0.113.99", "2001:db8:113::10"
PASSWORD = "open sesame"
ROUTER_CONF = """
router id 10.99.1.1;
protocol device { }
protocol bfd { interface "*" { interval 400 ms; multiplier 5; }; }
template bgp director {
  direct; ttl security on; bfd on; connect delay time 1; connect retry time 1;
  error wait time 1, 2; hold time 9; local as 65000; password "open sesame";
}
protocol bgp d1 from director { neighbor 10.99.1.11 as 65010; ipv4 { import all; export none; }; }
protocol bgp d1_6 from director {
  neighbor 2001:db8:99::11 as 65010; ipv6 { import all; export none; };
}
"""
ROUTER_OVER_HOPS = """
router id 10.99.1.1;
protocol device { }
protocol bfd { multihop { interval 400 ms; multiplier 5; }; }
protocol bgp d1 {
  local 10.99.9.1 as 65000; neighbor 10.99.1.11 as 65010; multihop 3; bfd on;
  connect delay time 1; password "open sesame"; ipv4 { import all; export none; };
}
"""
#: Debian's file in short.
FOREIGN = """\
# This is a basic configuration file.
log syslog all;
define PW = "debian-secret";
protocol device { }
# password "commented-out";
protocol bgp old { disabled; local as 1; neighbor 10.99.1.77 as 2; password PW;
  ipv4 { import none; export none; };
}
"""
#: BFD is then between other ports (RFC 5883), so it stays down.
OVER_HOPS = {"multihop": 3, "source_address": DIRECTOR}
#: Seconds for what is to happen, and for a module to wait for what never happens.
PATIENCE, SHORT = 60, 3


def wait(condition):
    """Wait for something that another program does; return what it is."""
    end = time.monotonic() + PATIENCE
    while not (found := condition()):
        assert time.monotonic() < end, "it has not happened"
        time.sleep(0.05)
    return found


class Bird:
    """A BIRD in a namespace, with its own file and socket."""

    def __init__(self, namespace, place):
        self.namespace, self.place = namespace, place
        place.mkdir()
        self.conf, self.socket = str(place / "bird.conf"), str(place / "bird.ctl")
        self.process = None

    def start(self):
        command = ["bird", "-f", "-c", self.conf, "-s", self.socket]
        with self.namespace.entered():
            self.process = subprocess.Popen([*command, "-P", str(self.place / "bird.pid")])
        wait(lambda: _bird_applied.running(self.socket))

    def ask(self, *words):
        return _bird_applied.ask(self.socket, *words)[1]

    def sessions(self):
        return {
            each.address: each
            for each in _bird_reader.sessions(self.ask("show", "protocols", "all"))
        }

    def bfd(self):
        return {
            each.address
            for each in _bird_reader.bfd_sessions(self.ask("show", "bfd", "sessions"))
            if each.up
        }

    def wait_for(self, *neighbors):
        """Wait until BGP is Established and BFD is up with neighbors."""

        def is_up():
            established = {each.address for each in self.sessions().values() if each.established}
            return set(neighbors) <= established & self.bfd()

        wait(is_up)

    def routes(self):
        """Return the prefixes that were received."""
        return _bird_reader.exported(self.ask("show", "route"))

    def digest(self):
        return _bird_applied.running(self.socket).digest

    def end(self):
        if self.process:
            self.process.terminate()
            self.process.wait()


@pytest.fixture
def director(netns, new_netns, tmp_path):
    """Have a director with VIPs on an interface, and BIRD not started yet."""
    netns.connect(new_netns(), interface="lvs-vips")  # not a dummy, which not every kernel has
    for vip in (VIP, SECOND, UNLISTED):
        netns.address(f"{vip}/32", "lvs-vips")
    netns.address(f"{VIP6}/128", "lvs-vips")
    bird = Bird(netns, tmp_path / "director")
    yield bird
    bird.end()


@pytest.fixture
def router(netns, peer, tmp_path):
    """Have a router that is connected to the director, and its BIRD running."""
    namespace = peer("eth0", f"{ROUTER}/24")
    namespace.address(f"{ROUTER6}/64")
    netns.address(f"{DIRECTOR}/24")
    netns.address(f"{DIRECTOR6}/64")
    bird = Bird(namespace, tmp_path / "router")
    (bird.place / "bird.conf").write_text(ROUTER_CONF)
    bird.start()
    yield bird
    bird.end()


def options(director, **more):
    return {
        "path": director.conf,
        "control_socket": director.socket,
        "router_id": DIRECTOR,
        "local_as": 65010,
        "vips": [VIP, VIP6],
        "bfd_interval": 400,  # an emulated machine may be too busy for less
        "bfd_multiplier": 5,
        "neighbors": [
            {"address": ROUTER, "as": 65000, "password": PASSWORD},
            {"address": ROUTER6, "as": 65000, "password": PASSWORD},
        ],
        **more,
    }


def with_password(password):
    return [{"address": ROUTER, "as": 65000, "password": password}]


@pytest.fixture
def announcing(director, router, run_module):
    """Have the director announce its VIPs to the router."""
    result = run_module("bird_conf", **options(director))
    assert result["action"] == "write", result
    director.start()
    director.wait_for(ROUTER, ROUTER6)
    return director


def read(path):
    with open(path, encoding="utf-8") as file:
        return file.read()


def no_change_is_pending(bird):
    return "Nothing to do" in bird.ask("configure", "confirm")


def test_only_listed_vips_are_announced_by_the_session_of_their_family(
    announcing, router, run_module
):
    wait(lambda: router.routes() == [f"{VIP6}/128", f"{VIP}/32"] or None)
    result = run_module("bird_conf", **options(announcing))
    assert not result["changed"]
    assert result["action"] == "none"
    [four, six] = result["sessions"]
    assert (four["address"], four["state"], four["bfd"]) == (ROUTER, "Established", "Up")
    assert four["exported"] == [f"{VIP}/32"]
    assert (six["address"], six["exported"]) == (ROUTER6, [f"{VIP6}/128"])


def test_a_router_over_hops(director, router, netns, run_module):
    """Its address is on its other side, so it is on no link of the director."""
    router.namespace.address("10.99.9.1/32", "lo")
    netns.ip(f"route add 10.99.9.1 via {ROUTER}")
    with open(router.conf, "w", encoding="utf-8") as file:
        file.write(ROUTER_OVER_HOPS)
    router.ask("configure")
    neighbor = {"address": "10.99.9.1", "as": 65000, "password": PASSWORD, **OVER_HOPS}
    run_module("bird_conf", **options(director, vips=[VIP], neighbors=[neighbor]))
    director.start()
    director.wait_for("10.99.9.1")
    wait(lambda: router.routes() == [f"{VIP}/32"])


def test_a_file_is_written_where_no_bird_runs(director, run_module):
    dry = run_module("bird_conf", check=True, diff=True, **options(director))
    assert dry["changed"]
    assert not os.listdir(director.place)
    result = run_module("bird_conf", diff=True, **options(director))
    assert (result["action"], result["sessions"], result["before"]) == ("write", [], None)
    assert result["diff"] == dry["diff"]
    assert PASSWORD in read(director.conf)
    assert PASSWORD not in repr(result)
    assert os.stat(director.conf).st_mode & 0o777 == 0o640
    assert os.listdir(director.place) == ["bird.conf"]
    assert not run_module("bird_conf", **options(director))["changed"]
    os.chmod(director.conf, 0o644)
    assert run_module("bird_conf", **options(director))["after"]["mode"] == "0640"
    assert os.stat(director.conf).st_mode & 0o777 == 0o640


def test_a_reload_keeps_the_sessions(announcing, router, run_module):
    since = {address: each.since for address, each in announcing.sessions().items()}
    wanted = options(announcing, vips=[SECOND, VIP, VIP6])
    dry = run_module("bird_conf", check=True, **wanted)
    assert (dry["changed"], dry["action"]) == (True, "reload")
    result = run_module("bird_conf", diff=True, **wanted)
    assert (result["changed"], result["action"]) == (True, "reload")
    assert f"{SECOND}/32" in result["diff"]["after"]
    assert {address: each.since for address, each in announcing.sessions().items()} == since
    wait(lambda: f"{SECOND}/32" in router.routes())
    assert announcing.digest() == _bird.digest(read(announcing.conf))
    assert no_change_is_pending(announcing)
    assert not run_module("bird_conf", **wanted)["changed"]


def test_a_session_that_restarts_is_waited_for(announcing, router, run_module):
    since = announcing.sessions()[ROUTER].since
    result = run_module("bird_conf", **options(announcing, hold_time=30))
    assert result["changed"], result
    now = announcing.sessions()[ROUTER]
    assert now.established
    assert now.since != since
    assert ROUTER in announcing.bfd()
    assert no_change_is_pending(announcing)


def test_a_neighbor_that_is_removed_is_not_waited_for(announcing, router, run_module):
    result = run_module(
        "bird_conf", **options(announcing, vips=[VIP], neighbors=with_password(PASSWORD))
    )
    assert result["changed"], result
    assert list(announcing.sessions()) == [ROUTER]


@pytest.mark.parametrize(
    "wrong",
    [
        {"vips": [VIP], "neighbors": with_password("another")},
        {"vips": [VIP], "neighbors": [{"address": ROUTER, "as": 64999, "password": PASSWORD}]},
        {"vips": [VIP], "neighbors": [{**with_password(PASSWORD)[0], **OVER_HOPS}]},
    ],
    ids=["password", "as", "multihop"],
)
def test_a_change_that_ends_a_session_is_undone(announcing, router, run_module, wrong):
    former, digest = read(announcing.conf), announcing.digest()
    wanted = options(announcing, **wrong, confirm_seconds=SHORT)
    result = run_module("bird_conf", **wanted)
    assert result["failed"]
    assert f"Neighbor {ROUTER}: the session was Established" in result["msg"]
    assert "former configuration again" in result["msg"]
    assert "another" not in result["msg"]
    assert read(announcing.conf) == former
    assert not [name for name in os.listdir(announcing.place) if "lvs" in name]
    assert announcing.digest() == digest
    assert announcing.sessions()[ROUTER].established, "the module waits for this, too"
    assert no_change_is_pending(announcing)
    assert not run_module("bird_conf", **options(announcing))["changed"]


def test_a_session_without_its_bfd_is_a_failure(announcing, router, run_module, monkeypatch):
    """The router's BFD goes away at the change; BGP alone would be Established."""
    monkeypatch.setattr(_bird_applied, "RESTORE_SECONDS", SHORT)

    def end_bfd():
        wait(lambda: announcing.sessions()[ROUTER].state != "Established")
        router.ask("disable", "bfd1")

    ending = threading.Thread(target=end_bfd)
    ending.start()
    wanted = options(announcing, hold_time=30, confirm_seconds=SHORT)
    result = run_module("bird_conf", **wanted)
    ending.join()
    assert result["failed"]
    assert "BFD is Down" in result["msg"]
    assert "but the session is not back" in result["msg"]


def test_a_file_that_bird_has_not_read_is_applied(announcing, run_module):
    wanted = options(announcing, vips=[SECOND, VIP6])
    elsewhere = {**wanted, "control_socket": f"{announcing.socket}.none"}
    assert run_module("bird_conf", **elsewhere)["action"] == "write"
    dry = run_module("bird_conf", check=True, diff=True, **wanted)
    assert (dry["before"]["applied"], dry["after"]["applied"]) == (False, True)
    assert "not applied" in dry["diff"]["before"]
    result = run_module("bird_conf", **wanted)
    assert (result["changed"], result["action"]) == (True, "reload")
    assert announcing.digest() == _bird.digest(read(announcing.conf))


def test_an_edited_file_is_replaced(announcing, run_module):
    text = read(announcing.conf)
    with open(announcing.conf, "a", encoding="utf-8") as file:
        file.write('protocol static extra { ipv4; route 192.0.2.0/24 via "lvs-vips"; }\n')
    announcing.ask("configure")
    assert run_module("bird_conf", **options(announcing))["action"] == "reload"
    assert read(announcing.conf) == text
    assert "extra" not in announcing.ask("show", "protocols")


def while_waiting(announcing, then):
    """Run the module with a wrong password in a child, and act while it waits for the session."""
    digest = announcing.digest()
    child = os.fork()
    if not child:
        wanted = options(announcing, vips=[VIP], neighbors=with_password("another"))
        with contextlib.suppress(BaseException):
            result = run_in_this_process("bird_conf", **wanted, confirm_seconds=PATIENCE)
            (announcing.place / "result").write_text(result["msg"])
        os._exit(0)
    wait(lambda: announcing.digest() != digest)
    wait(lambda: announcing.sessions()[ROUTER].state != "Established")
    then(child)
    os.waitpid(child, 0)
    return digest


def test_a_killed_run_leaves_a_change_that_the_next_one_undoes(announcing, router, run_module):
    former = read(announcing.conf)
    digest = while_waiting(announcing, lambda child: os.kill(child, signal.SIGKILL))
    assert read(announcing.conf) == former
    assert announcing.digest() != digest
    result = run_module("bird_conf", **options(announcing))
    assert result["changed"], result
    assert announcing.digest() == digest
    assert no_change_is_pending(announcing)
    announcing.wait_for(ROUTER, ROUTER6)
    # With that of the killed run, BIRD would now go back to what it was not told to keep.
    wanted = options(announcing, vips=[SECOND, VIP6])
    assert run_module("bird_conf", **wanted)["changed"]
    announcing.ask("configure", "undo")
    assert announcing.digest() == digest


def test_a_signal_undoes_the_change(announcing, router):
    digest = while_waiting(announcing, lambda child: os.kill(child, signal.SIGTERM))
    assert "SIGTERM ended this run" in (announcing.place / "result").read_text()
    assert announcing.digest() == digest
    assert announcing.sessions()[ROUTER].established
    assert no_change_is_pending(announcing)


def test_bird_undoes_a_change_by_itself(announcing, router, run_module, monkeypatch):
    """The module's end would be that of its host: nothing else would load the former one."""
    monkeypatch.setattr(_bird_applied, "GRACE_SECONDS", -58)
    digest = while_waiting(announcing, lambda child: os.kill(child, signal.SIGKILL))
    wait(lambda: announcing.digest() == digest)
    announcing.wait_for(ROUTER, ROUTER6)
    assert not run_module("bird_conf", **options(announcing))["changed"]


def test_the_file_of_before_is_kept_and_restored(director, run_module):
    path = director.place / "bird.conf"
    path.write_text(FOREIGN)
    path.chmod(0o604)
    director.start()
    result = run_module("bird_conf", diff=True, **options(director))
    assert (result["action"], result["before"]["applied"]) == ("reload", False)
    shown = repr(result)
    assert "debian-secret" not in shown
    assert "commented-out" not in shown
    assert director.digest() == _bird.digest(read(director.conf))
    kept = director.place / "bird.conf.lvs-original"
    assert kept.read_text() == FOREIGN
    run_module("bird_conf", **options(director, hold_time=30))
    assert kept.read_text() == FOREIGN, "the first one stays"

    absent = {"path": director.conf, "control_socket": director.socket, "state": "absent"}
    dry = run_module("bird_conf", check=True, **absent)
    result = run_module("bird_conf", **absent)
    assert (dry["action"], result["action"]) == ("reload", "reload")
    assert path.read_text() == FOREIGN
    assert path.stat().st_mode & 0o777 == 0o604
    assert not kept.exists()
    assert "old" in director.ask("show", "protocols")
    again = run_module("bird_conf", **absent)
    assert (again["changed"], again["action"]) == (False, "none")
    assert path.exists(), "it is not this collection's"


def test_without_a_file_of_before_the_own_one_is_removed(director, run_module):
    run_module("bird_conf", **options(director))
    absent = {"path": director.conf, "control_socket": director.socket, "state": "absent"}
    assert run_module("bird_conf", **absent)["action"] == "write"
    assert os.listdir(director.place) == []
    assert not run_module("bird_conf", **absent)["changed"]


def test_a_failed_first_change_restores_the_file_of_before(announcing, run_module):
    path = announcing.place / "bird.conf"
    foreign = path.read_text().replace(_bird.HEADER, "# by hand\n")
    path.write_text(foreign)
    wanted = options(
        announcing, vips=[VIP], neighbors=with_password("another"), confirm_seconds=SHORT
    )
    assert run_module("bird_conf", **wanted)["failed"]
    assert path.read_text() == foreign
    assert not (announcing.place / "bird.conf.lvs-original").exists()


def test_a_bird_that_does_not_answer_is_reported(announcing, run_module, monkeypatch):
    monkeypatch.setattr(_bird_applied, "ANSWER_SECONDS", 0.5)
    announcing.process.send_signal(signal.SIGSTOP)
    try:
        result = run_module("bird_conf", **options(announcing, vips=[VIP, SECOND, VIP6]))
    finally:
        announcing.process.send_signal(signal.SIGCONT)
    assert "BIRD has not answered" in result["msg"]


def test_bird_that_refuses_a_configuration_is_quoted(director, run_module, monkeypatch):
    """The collection accepts nothing that BIRD refuses; a future release may."""
    written = _bird.render

    def render(config, version):
        return written(config, version).replace("  direct;", "  unheard of;", 1)

    monkeypatch.setattr(_bird, "render", render)
    result = run_module("bird_conf", **options(director))
    assert "exit status 1" in result["msg"]
    assert "line " in result["mistakes"][1]
    assert "(unheard of;)" in result["mistakes"][1]
    assert os.listdir(director.place) == []
