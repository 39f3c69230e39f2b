#!/usr/bin/env python3
# Copyright: (c) 2026, lvs.cluster contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Start and remove a lab in which IPVS and Docker work.

The host's own Docker is used where its kernel has IPVS; elsewhere a Debian virtual machine, built
from the distribution's packages, gives a Docker API on a private loopback port. See README.md.
"""

from __future__ import annotations

import argparse
import contextlib
import functools
import http.client
import json
import os
import platform
import re
import shlex
import signal
import socket
import ssl
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import recipe
from host import (
    BOOT_ID,
    CACHE,
    KEYRING,
    LabError,
    as_root,
    debian_mirror,
    identity,
    in_parallel,
    install,
    lock,
    machine,
    remove,
    run,
    step,
)

HOST_DOCKER = "unix:///var/run/docker.sock"
BOOT_LIMIT = 240  # seconds until Docker in the virtual machine must answer
ROOM = 15  # GiB of the host's memory from which on a second lab of 6 GiB has room
TRIAL_LIMIT = 20  # seconds in which KVM must have run a kernel up to its init


@contextlib.contextmanager
def workshop() -> Iterator[Path]:
    """Lend a directory for the one build at a time; what is still in it at the end goes."""
    with lock(CACHE / "build.lock"):
        sweep()
        work = Path(tempfile.mkdtemp(prefix="build-", dir=CACHE))
        try:
            yield work
        finally:
            sweep()


def sweep() -> None:
    """Remove every build directory: this process's, and what is left of builds that were killed.

    Commands of a killed build may go on for a while and write there: a later sweep has the rest.
    """
    for directory in CACHE.glob("build-*/"):
        with contextlib.suppress(LabError):
            remove(directory)


def build(work: Path, mirror: str, others: Mapping[str, Callable[[], Any]]) -> list[Path]:
    """Build the nodes' root file systems, and what else is asked for, side by side; return them."""
    nodes = {
        f"build node image {name}": functools.partial(recipe.build_node, work, mirror, name)
        for name in recipe.NODE_SUITES
    }
    built = in_parallel({**others, **nodes})
    return [built[name] for name in nodes]


def vm_base() -> Path:
    """Return the directory of the virtual machine's files; build them if need be."""
    install(
        {
            "mmdebstrap": "mmdebstrap",
            "openssl": "openssl",
            "mke2fs": "e2fsprogs",
            str(KEYRING): "debian-archive-keyring",
        }
    )
    mirror = debian_mirror()
    base = CACHE / f"vm-{recipe.recipe_key(mirror)}"
    if base.exists():
        return base
    with workshop() as work:
        if base.exists():  # another process built it while this one waited
            return base
        made = work / "vm"
        jobs = {"build the virtual machine": functools.partial(recipe.build_vm, made, mirror)}
        layers = build(work, mirror, jobs)
        with step("make the virtual machine's disk, with the node images"):
            recipe.build_disk(made, layers, mirror)
        made.rename(base)
        used = {lab.state().get("base") for lab in Lab.known()}
        for old in CACHE.glob("vm-*/"):
            if old != base and str(old) not in used:
                remove(old)
    return base


def memory() -> int:
    """Return the virtual machine's memory in MiB: half of the host's, at most 6 GiB."""
    if given := os.environ.get("LVS_LAB_MEMORY"):
        if not given.isdecimal():
            raise LabError(
                f"LVS_LAB_MEMORY is {given!r}; it must be a number of MiB, such as 3072."
            )
        return int(given)
    half = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") // 2**21
    return max(1024, min(6144, half))


def escape(path: Path) -> str:
    """Write a path so that QEMU does not take a comma in it for the end of it."""
    return str(path).replace(",", ",,")


def disk(path: Path, option: str = "discard=unmap") -> list[str]:
    """Return the options for a virtio disk."""
    return ["-drive", f"file={escape(path)},format=raw,if=virtio,cache=unsafe,{option}"]


def processors(labs: int) -> int:
    """Return how many processors each of so many virtual machines has: its share, at most 4.

    An emulated processor that waits for a lock of one that does not run at the moment wastes its
    time: with two each for two machines on two processors, tests took a fifth longer.
    """
    return max(1, min(4, (os.cpu_count() or 1) // labs))


def qemu(
    base: Path,
    accel: str,
    console: Path,
    *,
    kernel: str,
    append: str = "",
    port: int = 0,
    cpus: int = 1,
) -> list[str]:
    """Return QEMU's command line, all but the disks."""
    host = machine()
    words = f"root=/dev/vda rw quiet console={host.console} net.ifnames=0 panic=-1"
    cpu, options = host.tcg_cpu, "tcg,thread=multi,tb-size=1024"
    if accel == "kvm":
        cpu, options = "host", "kvm"
    forward = f",hostfwd=tcp:127.0.0.1:{port}-:2376" if port else ""
    console.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    root = base / "qemu"
    [loader] = root.glob("usr/lib/*/ld-linux-*.so.*")
    return (
        [str(loader), "--library-path", str(loader.parent), f"{root}/usr/bin/{host.emulator}"]
        + ["-L", f"{root}/usr/share/qemu", "-L", f"{root}/usr/share/seabios"]
        + [*host.options, "-accel", options, "-cpu", cpu, "-m", f"{memory()}M"]
        + ["-smp", str(cpus), "-nodefaults", "-display", "none"]
        + ["-no-reboot", "-serial", f"file:{escape(console)}"]
        + ["-kernel", f"{base}/vmlinuz-{kernel}", "-initrd", f"{base}/initrd-{kernel}.img"]
        + ["-append", f"{words} mitigations=off tsc=reliable apparmor=0 audit=0 {append}"]
        + ["-netdev", f"user,id=net{forward}", "-device", "virtio-net-pci,netdev=net,romfile="]
    )


def accelerator(base: Path) -> str:
    """Return kvm if a kernel boots with it here, else tcg; remembered until the host restarts."""
    if not os.access("/dev/kvm", os.R_OK | os.W_OK):
        return "tcg"
    memo, boot = CACHE / "accelerator", BOOT_ID.read_text().strip()
    with contextlib.suppress(OSError, ValueError):
        known, answer = memo.read_text().split()
        if known == boot:
            return answer
    with step("try KVM"):
        answer = "kvm" if kvm_boots(base) else "tcg"
    memo.write_text(f"{boot} {answer}\n")
    return answer


def kvm_boots(base: Path) -> bool:
    """Return whether KVM runs a kernel up to its init, one that ends at once, so that it panics."""
    console = CACHE / "logs" / "kvm-console.log"
    console.unlink(missing_ok=True)
    command = qemu(base, "kvm", console, kernel=recipe.KERNELS[0], append="rdinit=/bin/true")
    with contextlib.suppress(subprocess.TimeoutExpired, OSError):
        subprocess.run(command, timeout=TRIAL_LIMIT, capture_output=True, check=False)
        return "Kernel panic" in console.read_text(errors="replace")
    return False


def stop(pid: int) -> None:
    """Ask a process to end, wait, and end it by force after ten seconds."""
    known = identity(pid)
    for number in (signal.SIGTERM, signal.SIGKILL):
        end = time.monotonic() + 10
        if known and identity(pid) == known:
            os.kill(pid, number)
        while known and identity(pid) == known and time.monotonic() < end:
            time.sleep(0.05)


def docker_answers(port: int, tls: Path) -> bool:
    """Return whether a Docker server answers on that loopback port, by mutual TLS."""
    context = ssl.create_default_context(cafile=str(tls / "ca.pem"))
    context.load_cert_chain(tls / "cert.pem", tls / "key.pem")
    connection = http.client.HTTPSConnection("127.0.0.1", port, timeout=3, context=context)
    try:
        connection.request("GET", "/_ping")
        return connection.getresponse().read() == b"OK"
    except (OSError, http.client.HTTPException):
        return False
    finally:
        connection.close()


def free_port() -> int:
    """Return a free loopback port."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
    return port


class Lab:
    """One lab; its name distinguishes it from others. Its state is one file, there while it runs.

    :ivar kernel: the Debian whose kernel a virtual machine runs, one of `recipe.KERNELS`
    """

    def __init__(self, name: str, kernel: str = recipe.KERNELS[0]) -> None:
        if kernel not in recipe.KERNELS:
            known = " or ".join(recipe.KERNELS)
            raise LabError(f"LVS_LAB_KERNEL is {kernel!r}; it must be {known}.")
        self.kernel = kernel
        if not re.fullmatch(r"[a-z0-9][a-z0-9-]{0,30}", name):
            raise LabError(
                f"LVS_LAB is {name!r}; it must consist of lower-case letters, digits and hyphens."
            )
        self.name = name
        self.directory = CACHE / "labs" / name
        self.console = self.directory / "console.log"

    @classmethod
    def known(cls) -> list[Lab]:
        """Return every lab that ever ran."""
        return [cls(path.name) for path in (CACHE / "labs").glob("*/")]

    def second(self) -> Lab:
        """Return the lab beside this one, with the newer kernel: tests use both at once."""
        return Lab(f"{self.name[:29]}-2", recipe.KERNELS[-1])  # a name has 31 characters at most

    def state(self) -> dict[str, Any]:
        """Return what is known of the lab's process; nothing if that has ended."""
        try:
            state: dict[str, Any] = json.loads((self.directory / "state.json").read_text())
        except (OSError, ValueError):
            return {}
        if state["accel"] != "host" and identity(state["pid"]) != state["identity"]:
            return {}
        return state

    def in_use(self) -> Lab:
        """Return the second lab if that is up, else this one."""
        return second if (second := self.second()).state() else self

    def save(self, **state: object) -> None:
        """Write the state, whole or not at all."""
        new = self.directory / "state.new"
        new.write_text(json.dumps(state))
        new.rename(self.directory / "state.json")

    def answers(self) -> bool:
        """Return whether the lab's Docker is there to be used."""
        state = self.state()
        if not state:
            return False
        if state["accel"] == "host":
            return host_has_ipvs()
        return docker_answers(state["port"], Path(state["base"]) / "tls")

    def environment(self) -> dict[str, str]:
        """Return the variables that lead Docker's clients to the lab."""
        state = self.state()
        if not state:
            raise LabError(f"The lab {self.name} is not up; `lab.py up` brings it up.")
        if state["accel"] == "host":
            return {"DOCKER_HOST": HOST_DOCKER, "DOCKER_TLS_VERIFY": "", "DOCKER_CERT_PATH": ""}
        return {
            "DOCKER_HOST": f"tcp://127.0.0.1:{state['port']}",
            "DOCKER_TLS_VERIFY": "1",
            "DOCKER_CERT_PATH": f"{state['base']}/tls",
            "PATH": f"{state['base']}/bin:{os.environ.get('PATH', os.defpath)}",
        }

    def __str__(self) -> str:
        state = self.state()
        if not state:
            return f"The lab {self.name} is down."
        if state["accel"] == "host":
            return f"The lab {self.name} is up, in this host's own Docker."
        return (
            f"The lab {self.name} is up, in a virtual machine ({state['accel']}, "
            f"{state['kernel']}'s kernel, process {state['pid']}, Docker on port {state['port']}, "
            f"console in {self.console})."
        )

    def up(self, labs: int = 1) -> None:
        """Bring the lab up, unless it is.

        :param labs: how many labs are to share this host's processors
        """
        with lock(self.directory / "lock"):
            if self.answers():
                print(f"Nothing to do. {self}")
                return
            self.end()
            if host_has_ipvs() and load_on_host():
                self.save(accel="host")
            else:
                self.start(vm_base(), processors(labs))
        print(self)

    def start(self, base: Path, cpus: int) -> None:
        """Start the virtual machine and wait until its Docker answers.

        With snapshot=on QEMU writes to a file that it has unlinked: every start is from the same
        disk, and none leaves anything behind.
        """
        accel, port = accelerator(base), free_port()
        command = qemu(base, accel, self.console, kernel=self.kernel, port=port, cpus=cpus)
        command += ["-name", f"lvs-lab-{self.name}", *disk(base / "disk.img", "snapshot=on")]
        log = self.directory / "qemu.log"
        with step(f"start the virtual machine ({accel})"), log.open("wb") as output:
            process = subprocess.Popen(
                command,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=output,
                start_new_session=True,
                env=os.environ | {"TMPDIR": str(self.directory)},
            )
            pid = process.pid
            try:
                self.save(
                    pid=pid,
                    identity=identity(pid),
                    port=port,
                    accel=accel,
                    kernel=self.kernel,
                    base=str(base),
                )
                end = time.monotonic() + BOOT_LIMIT
                while not docker_answers(port, base / "tls"):
                    if process.poll() is not None:
                        raise LabError(f"QEMU ended; see {self.console}. {log.read_text()}")
                    if time.monotonic() > end:
                        raise LabError(
                            f"Docker in the virtual machine did not answer within {BOOT_LIMIT} s; "
                            f"see its console in {self.console}."
                        )
                    time.sleep(0.1)
            except BaseException:
                self.end()
                raise

    def end(self) -> None:
        """End the lab's process, if it has one, and forget it."""
        if pid := self.state().get("pid"):
            stop(pid)
        (self.directory / "state.json").unlink(missing_ok=True)

    def down(self) -> None:
        """Take the lab away, and with it whatever ran in its virtual machine."""
        with lock(self.directory / "lock"):
            self.end()
        print(self)

    def has_room(self) -> bool:
        """Return whether a second virtual machine has room beside this one's."""
        memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30
        return self.state().get("accel") != "host" and memory >= ROOM


def host_docker(*arguments: str) -> tuple[bool, str]:
    """Run a docker command against the host's own server; return success and output."""
    command = ["docker", "--host", HOST_DOCKER, *arguments]
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=600, check=False)
    except (OSError, subprocess.TimeoutExpired):
        return False, ""
    return done.returncode == 0, done.stdout.strip()


def host_has_ipvs() -> bool:
    """Return whether the host's Docker answers, on this very kernel, and the kernel has IPVS."""
    if host_docker("info", "--format", "{{.KernelVersion}}") != (True, platform.release()):
        return False
    if not Path("/proc/net/ip_vs").exists():
        with contextlib.suppress(LabError, OSError):
            run("modprobe", as_root(["modprobe", "--all", "ip_vs", "ipip", "dummy"]))
    return Path("/proc/net/ip_vs").exists()


def load_on_host() -> bool:
    """Put the node images into the host's Docker; return whether its containers have IPVS."""
    with contextlib.suppress(LabError, OSError):
        run("modprobe", as_root(["modprobe", "--all", *recipe.MODULES]))
    mirror = debian_mirror()
    current = True, recipe.recipe_key(mirror)
    label = '{{index .Config.Labels "lvs-lab.recipe"}}'
    images = [f"lvs-node:{name}" for name in recipe.NODE_SUITES]
    if any(host_docker("image", "inspect", "--format", label, i) != current for i in images):
        install({"mmdebstrap": "mmdebstrap", str(KEYRING): "debian-archive-keyring"})
        with workshop() as work:
            nodes = recipe.pack_nodes(work, build(work, mirror, {}), mirror)
            with step("load the node images into the host's Docker"):
                run("load", ["docker", "--host", HOST_DOCKER, "load", "--input", str(nodes)])
    return host_docker("run", "--rm", images[0], "test", "-e", "/proc/net/ip_vs")[0]


def main(arguments: Sequence[str]) -> int:
    """Run the command of the command line."""
    parser = argparse.ArgumentParser(
        description=(
            "Run a lab in which IPVS and Docker work. LVS_LAB sets its name; the default is"
            " default."
        )
    )
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")
    up = commands.add_parser("up", help="bring the lab up")
    commands.add_parser("down", help="remove the lab, and the second one")
    commands.add_parser("status", help="show whether the lab is up")
    env = commands.add_parser(
        "env", help="print the variables for Docker's clients, for a shell's eval"
    )
    execute = commands.add_parser("exec", help="run a command with these variables")
    up.add_argument(
        "--second",
        action="store_true",
        help=f"and a second lab beside it, with the kernel of {recipe.KERNELS[-1]}, if there is "
        f"memory for two ({ROOM} GiB)",
    )
    for command in (env, execute):
        command.add_argument("--second", action="store_true", help="the second lab, if it is up")
    execute.add_argument("words", nargs=argparse.REMAINDER, metavar="-- COMMAND")
    commands.add_parser("shell", help="start a shell with these variables")
    options = parser.parse_args(arguments)
    lab = Lab(
        os.environ.get("LVS_LAB") or "default",
        os.environ.get("LVS_LAB_KERNEL") or recipe.KERNELS[0],
    )
    if options.command in ("env", "exec") and options.second:
        lab = lab.in_use()
    match options.command:
        case "up":
            labs = 2 if options.second and lab.has_room() else 1
            lab.up(labs)
            if labs == 2 and lab.has_room():  # it is in a virtual machine
                lab.second().up(labs)
        case "down":
            if lab.second().state():
                lab.second().down()
            lab.down()
        case "status":
            print(lab)
            return 0 if lab.state() else 1
        case "env":
            for name, value in lab.environment().items():
                print(f"export {name}={shlex.quote(value)}")
        case "shell":
            enter(lab, [os.environ.get("SHELL", "sh")])
        case _:
            enter(lab, options.words[1:] if options.words[:1] == ["--"] else options.words)
    return 0


def enter(lab: Lab, words: list[str]) -> None:
    """Become a command that reaches the lab's Docker."""
    if not words:
        raise LabError("exec needs a command: lab.py exec -- docker ps")
    try:
        os.execvpe(words[0], words, os.environ | lab.environment())
    except OSError as error:
        raise LabError(f"{words[0]} did not start: {error.strerror}.") from None


if __name__ == "__main__":
    os.umask(0o077)
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    try:
        sys.exit(main(sys.argv[1:]))
    except LabError as error:
        sys.exit(f"lab: {error}")
    except KeyboardInterrupt:
        sys.exit(130)
