# Copyright: (c) 2026, lvs.cluster contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The lab's own logic; that it brings a lab up is shown by every test that runs in it."""

from __future__ import annotations

import functools
import hashlib
import json
import os
import subprocess
import sys
import tarfile
import time
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parents[2] / "lab"))

import host
import recipe

import lab


@pytest.fixture(autouse=True)
def cache(tmp_path, monkeypatch):
    """Give each test a cache of its own."""
    for module in (host, lab):
        monkeypatch.setattr(module, "CACHE", tmp_path)
    return tmp_path


@pytest.fixture
def sleeper():
    """Lend a process that would go on for a minute."""
    with subprocess.Popen(["sleep", "60"]) as process:
        yield process
        process.kill()


def running(name: str, pid: int, **changes: object) -> lab.Lab:
    """Return a lab whose machine is that process."""
    made = lab.Lab(name)
    made.directory.mkdir(parents=True)
    state = {"pid": pid, "identity": host.identity(pid), "port": 4711, "accel": "tcg"}
    made.save(**state | {"base": "/base"} | changes)
    return made


def test_another_mirror_is_another_build():
    assert recipe.recipe_key("http://a/debian") == recipe.recipe_key("http://a/debian")
    assert recipe.recipe_key("http://a/debian") != recipe.recipe_key("http://b/debian")


def test_an_overlay_belongs_to_root_and_keeps_keys_private(tmp_path):
    (tmp_path / "secret").write_text("s")
    hook = recipe.overlay(
        tmp_path / "over lay.tar", {"etc/motd": "hello", "etc/tls/key.pem": tmp_path / "secret"}
    )
    assert hook == f"tar-in '{tmp_path}/over lay.tar' /"
    with tarfile.open(tmp_path / "over lay.tar") as tar:
        found = {i.name: (i.uid, i.gid, i.mode, tar.extractfile(i).read()) for i in tar}
    assert found == {
        "etc/motd": (0, 0, 0o644, b"hello"),
        "etc/tls/key.pem": (0, 0, 0o600, b"s"),
    }


def test_packed_nodes_are_images_that_docker_can_check(tmp_path):
    (tmp_path / "debian12.tar").write_bytes(b"not really a layer")
    archive = recipe.pack_nodes(tmp_path, [tmp_path / "debian12.tar"], "http://a/debian")
    with tarfile.open(archive) as tar:
        (entry,) = json.load(tar.extractfile("manifest.json"))
        config = json.load(tar.extractfile(entry["Config"]))
        layer = tar.extractfile(entry["Layers"][0]).read()
    assert entry["RepoTags"] == ["lvs-node:debian12"]
    assert config["rootfs"]["diff_ids"] == [f"sha256:{hashlib.sha256(layer).hexdigest()}"]
    assert config["config"]["StopSignal"] == "SIGRTMIN+3"
    assert config["config"]["Labels"]["lvs-lab.recipe"] == recipe.recipe_key("http://a/debian")


def test_stored_nodes_are_images_that_docker_finds(tmp_path):
    layer, store = tmp_path / "debian12.tar", tmp_path / "sto re"
    with tarfile.open(layer, "w") as tar:
        recipe.add(tar, "etc/motd", b"hello")
    unpack = recipe.store_nodes(store, [layer], "http://a/debian")
    subprocess.run(["sh", "-ec", unpack], check=True)

    known = json.loads((store / "image/overlay2/repositories.json").read_text())
    identity = known["Repositories"]["lvs-node"]["lvs-node:debian12"].removeprefix("sha256:")
    config = (store / "image/overlay2/imagedb/content/sha256" / identity).read_bytes()
    assert hashlib.sha256(config).hexdigest() == identity
    [digest] = json.loads(config)["rootfs"]["diff_ids"]
    described = store / "image/overlay2/layerdb/sha256" / digest.removeprefix("sha256:")
    assert (described / "diff").read_text() == digest
    directory = store / "overlay2" / (described / "cache-id").read_text()
    assert (directory / "diff/etc/motd").read_text() == "hello"
    assert (store / "overlay2/l" / (directory / "link").read_text() / "etc/motd").exists()


def test_a_failed_command_names_its_log(cache):
    with pytest.raises(host.LabError, match="sh ended with 3") as caught:
        host.run("demo", ["sh", "-c", "echo the reason; exit 3"])
    assert str(cache / "logs" / "demo.log") in str(caught.value)
    assert "the reason" in str(caught.value)


def test_a_failure_ends_the_jobs_beside_it():
    jobs = {
        "long": functools.partial(host.run, "long", ["sleep", "60"]),
        "bad": functools.partial(host.run, "bad", ["sh", "-c", "sleep 0.3; false"]),
    }
    start = time.monotonic()
    with pytest.raises(host.LabError, match="sh ended with 1"):
        host.in_parallel(jobs)
    assert time.monotonic() - start < 20


def test_a_build_removes_files_of_a_killed_build_and_its_own(cache):
    (cache / "build-old").mkdir()

    def broken_build() -> None:
        with lab.workshop() as work:
            assert [path.name for path in cache.glob("build-*/")] == [work.name]
            (work / "half").write_text("done")
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        broken_build()
    assert not list(cache.glob("build-*/"))


@pytest.mark.parametrize("name", ["", "../x", "A", "a b", "-a", "a" * 32])
def test_a_lab_has_a_plain_name(name):
    with pytest.raises(host.LabError, match="LVS_LAB"):
        lab.Lab(name)


def test_the_kernel_must_be_one_of_the_built_kernels():
    with pytest.raises(host.LabError, match="LVS_LAB_KERNEL is 'debian11'; it must be debian12 or"):
        lab.Lab("a", "debian11")


def test_a_lab_with_the_longest_name_has_a_second_one():
    assert len(lab.Lab("a" * 31).second().name) == 31


def test_the_second_lab_is_used_where_it_is_up(sleeper):
    first = running("a", os.getpid())
    assert first.in_use() is first
    running("a-2", sleeper.pid)
    assert (first.in_use().name, first.in_use().kernel) == ("a-2", "debian13")


def test_a_running_lab_shows_how_to_reach_it(sleeper, monkeypatch):
    monkeypatch.setenv("PATH", "/usr/bin")
    assert running("a", sleeper.pid).environment() == {
        "DOCKER_HOST": "tcp://127.0.0.1:4711",
        "DOCKER_TLS_VERIFY": "1",
        "DOCKER_CERT_PATH": "/base/tls",
        "PATH": "/base/bin:/usr/bin",
    }


def test_the_host_s_own_docker_is_reached_without_leftovers_of_another():
    own = lab.Lab("own")
    own.directory.mkdir(parents=True)
    own.save(accel="host")
    assert own.environment() == {
        "DOCKER_HOST": "unix:///var/run/docker.sock",
        "DOCKER_TLS_VERIFY": "",
        "DOCKER_CERT_PATH": "",
    }


def test_taking_a_lab_away_ends_its_process_only(sleeper):
    other = running("other", os.getpid())
    mine = running("mine", sleeper.pid)
    mine.down()
    assert sleeper.poll() is not None
    assert mine.state() == {}
    assert other.state()["pid"] == os.getpid()


def test_a_process_that_only_got_the_old_number_is_left_alone(sleeper):
    stale = running("stale", sleeper.pid, identity="another boot 1")
    assert stale.state() == {}
    stale.down()
    assert sleeper.poll() is None
    with pytest.raises(host.LabError, match="is not up"):
        stale.environment()


def test_kvm_is_tried_once_until_the_host_restarts(tmp_path, monkeypatch):
    tries = []
    monkeypatch.setattr(os, "access", lambda *_: True)
    monkeypatch.setattr(lab, "kvm_boots", lambda base: not tries.append(base))
    assert [lab.accelerator(tmp_path), lab.accelerator(tmp_path)] == ["kvm", "kvm"]
    assert len(tries) == 1
    (tmp_path / "accelerator").write_text("the-boot-before tcg\n")
    assert lab.accelerator(tmp_path) == "kvm"
    assert len(tries) == 2


def test_a_comma_in_a_path_does_not_end_it_for_qemu():
    assert "file=/a,,b/disk.img," in lab.disk(Path("/a,b/disk.img"))[1]
