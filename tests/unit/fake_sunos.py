# Copyright: (c) 2026, lvs.cluster contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""A SunOS host for tests: the programs that the collection runs there, and what they print.

The formats were written down from the source of illumos where a function is named beside them, and
from memory elsewhere. No such system was at hand. It knows only the
commands that the collection runs, so a test shows that a command is one of these, and not what a
system makes of it.
"""

from __future__ import annotations

import ipaddress
import subprocess
from dataclasses import dataclass, field
from typing import Any

IFCONFIG = """\
lo0: flags=2001000849<UP,LOOPBACK,RUNNING,MULTICAST,IPv4,VIRTUAL> mtu 8232 index 1
\tinet 127.0.0.1 netmask ff000000
{lo0}net0: flags=1000843<UP,BROADCAST,RUNNING,MULTICAST,IPv4> mtu 1500 index 2
\tinet 192.168.0.180 netmask ffffff00 broadcast 192.168.0.255
\tether 2:8:20:1a:b:c
{net0}lo0: flags=2002000849<UP,LOOPBACK,RUNNING,MULTICAST,IPv6,VIRTUAL> mtu 8252 index 1
\tinet6 ::1/128
net0: flags=20002004841<UP,RUNNING,MULTICAST,DHCP,IPv6> mtu 1500 index 2
\tinet6 fe80::8:20ff:fe1a:b0c/10
"""
LOGICAL = """\
{name}:{number}: flags=2001000849<UP{loopback},RUNNING,MULTICAST,IPv4,VIRTUAL> mtu 8232 index 1
\tinet {address} netmask ffffffff
"""
#: print_getmsg() in usr/src/cmd/cmd-inet/usr.sbin/route.c; routename() prints default with -n, too
ROUTE = """\
   route to: {to}
destination: {destination}
       mask: {mask}
{gateway}  interface: {interface}
      flags: <UP,DONE>
 recvpipe  sendpipe  ssthresh    rtt,ms rttvar,ms  hopcount      mtu     expire
       0         0         0         0         0         0      {mtu}         0
"""


@dataclass
class SunOS:
    """A host; ``fail_at`` is the number of the changing command that fails, from 1.

    :ivar objects: address objects besides lo0/v4 and net0/v4: name -> [state, address]; on a host
        without ipadm, the logical interfaces
    :ivar ipadm: whether there is ipadm, so that it is not Solaris 10
    :ivar keeps_lo0: whether ipadm has lo0 in its persistent configuration
    :ivar defaults: the default routes, as (family, gateway)
    :ivar kept: those that ``route -p`` keeps
    :ivar ran: the commands that change something
    """

    objects: dict[str, list[str]] = field(default_factory=dict)
    defaults: list[tuple[str, str]] = field(default_factory=lambda: [("-inet", "192.168.0.1")])
    kept: list[tuple[str, str]] = field(default_factory=lambda: [("-inet", "192.168.0.1")])
    ipadm: bool = True
    keeps_lo0: bool = True
    model: str = "weak"
    arp: str = ""
    environments: dict[int, tuple[int, str]] = field(default_factory=dict)
    ran: list[str] = field(default_factory=list)
    fail_at: tuple[int, ...] = ()

    def run(self, *words: str, text: str = "", seconds: float | None = None):
        """Take the place of ``_program.run``."""
        del text, seconds
        name, *rest = words
        program = getattr(self, f"_{name}", None)
        if program is None or (name == "ipadm" and not self.ipadm):
            raise FileNotFoundError(name)
        status, said = program(rest)
        out, complaint = ("", said) if status else (said, "")
        return subprocess.CompletedProcess(words, status, out, complaint)

    def _changes(self, *words: str) -> bool:
        """Note a command that changes something; return whether it is to fail."""
        self.ran.append(" ".join(words))
        return len(self.ran) in self.fail_at

    # ------------------------------------------------------------------------ the programs

    def _ifconfig(self, words: list[str]) -> tuple[int, str]:
        if words != ["-a"]:
            return self._logical(*words)
        shown = {"lo0": "", "net0": ""}
        for number, (name, (state, address)) in enumerate(self.objects.items(), 1):
            link = name.partition("/")[0]
            fields = {"name": link, "number": number, "address": address.partition("/")[0]}
            loopback = ",LOOPBACK" if link == "lo0" else ""
            shown[link] += LOGICAL.format(**fields, loopback=loopback) if state == "ok" else ""
        return 0, IFCONFIG.format(**shown)

    def _logical(self, name: str, action: str, address: str, *rest: str) -> tuple[int, str]:
        """Add or remove a logical interface (addif(), removeif() in ifconfig.c of illumos)."""
        assert name == "lo0"
        if self._changes("ifconfig", name, action, address, *rest):
            return 1, "ifconfig: addif: SIOCLIFADDIF: permission denied"
        if action == "addif":
            assert address.endswith("/32")
            assert rest == ("up",)
            names = (f"lo0/_{letter}" for letter in "abcdef")
            self.objects[next(name for name in names if name not in self.objects)] = ["ok", address]
            return 0, f"Created new logical interface lo0:{len(self.objects)}\n"
        assert action == "removeif"
        found = [key for key, each in self.objects.items() if each[1] == f"{address}/32"]
        if not found:
            return 1, "ifconfig: removeif: SIOCLIFREMOVEIF: no such device or address"
        del self.objects[found[0]]
        return 0, ""

    def _ndd(self, words: list[str]) -> tuple[int, str]:
        assert words == ["-get", "/dev/ip", "ip_strict_dst_multihoming"]
        return 0, f"{int(self.model == 'strong')}\n"

    def _ipadm(self, words: list[str]) -> tuple[int, str]:
        if words == ["show-if", "-p", "-o", "PERSISTENT", "lo0"]:  # print_si_cb() in ipadm.c
            return 0, "-46\n" if self.keeps_lo0 else "---\n"
        if words == ["show-addr", "-p", "-o", "ADDROBJ,STATE,ADDR"]:  # print_sa_cb() in ipadm.c
            rows = [["lo0/v4", "ok", "127.0.0.1/8"], ["net0/v4", "ok", "192.168.0.180/24"]]
            rows += [[name, *fields] for name, fields in self.objects.items()]
            rows += [["lo0/v6", "ok", "::1/128"]]
            return 0, "".join(":".join(f.replace(":", "\\:") for f in row) + "\n" for row in rows)
        if words[0] == "show-prop":  # hostmodel has the names of esm_arr[] in ipadm_prop.c
            assert words == ["show-prop", "-c", "-o", "CURRENT", "-p", "hostmodel", "ipv4"]
            return 0, f"{self.model}\n"
        if self._changes("ipadm", *words):
            return 1, "ipadm: Could not create address: Permission denied"
        action, *rest = [word for word in words if word != "-t"]
        if action == "delete-addr":
            [name] = rest
            if name not in self.objects:
                return 1, "ipadm: could not delete address: Object not found"
            del self.objects[name]
            return 0, ""
        assert action == "create-addr"
        assert rest[:3] == ["-T", "static", "-a"]
        address, name = rest[3:]
        if name in self.objects:
            return 1, "ipadm: Could not create address: Address object already exists"
        self.objects[name] = ["ok", address]
        return 0, ""

    def _route(self, words: list[str]) -> tuple[int, str]:
        if words == ["-p", "show"]:  # show_saved_routes() in route.c
            lines = [
                f"persistent: route add {'-inet6 ' * (family == '-inet6')}default {gateway}\n"
                for family, gateway in self.kept
            ]
            return 0, "".join(lines)
        if words[:2] == ["-n", "get"]:
            return self._route_get(*words[2:])
        if self._changes("route", *words):
            return 1, "add net default: gateway: insufficient privileges"
        return self._change(words)

    def _change(self, words: list[str]) -> tuple[int, str]:
        persistent, words = words[0] == "-p", [word for word in words if word != "-p"]
        action, family, destination, gateway = words
        assert destination == "default"
        entry = (family, gateway)
        for entries in [self.defaults] + [self.kept] * persistent:
            if action == "add" and entry not in entries:
                entries.append(entry)
            elif action == "add" and not persistent:
                return 1, "entry exists"
            elif action == "delete" and entry in entries:
                entries.remove(entry)
            elif action == "delete" and not persistent:
                return 1, "not in table"
        return 0, f"{action} net default: gateway {gateway}\n"

    def _sh(self, words: list[str]) -> tuple[int, str]:
        assert words[0] == "-c"
        if self._changes("sh", *words):
            return 1, "sh: failed"
        for line in words[1].split(" && "):
            status, said = self._change(line.split()[1:])
            if status:
                return status, said
        return 0, ""

    def _route_get(self, family: str, address: str) -> tuple[int, str]:
        gateways = [gateway for name, gateway in self.defaults if name == family]
        if family == "-inet" and ipaddress.ip_address(address) in ipaddress.ip_network(
            "192.168.0.0/24"
        ):
            return 0, self._shown(address, "192.168.0.0", "", 1500)
        if not gateways:
            return 1, f"{address}: not in table"
        return 0, self._shown(address, "default", gateways[0], 1500)

    @staticmethod
    def _shown(to: str, destination: str, gateway: str, mtu: int) -> str:
        hop = f"    gateway: {gateway}\n" if gateway else ""
        mask = destination if gateway else "255.255.255.0"
        fields = {"to": to, "destination": destination, "mask": mask, "gateway": hop}
        return ROUTE.format(**fields, interface="net0", mtu=mtu)

    def _netstat(self, words: list[str]) -> tuple[int, str]:
        assert words[:2] == ["-rn", "-f"]  # from memory
        family = f"-{words[2]}"
        rows = [
            f"default              {gateway:<20} UG        2         10 net0\n"
            for name, gateway in self.defaults
            if name == family
        ]
        head = (
            "\nRouting Table: IPv4\n"
            "  Destination           Gateway           Flags  Ref     Use     Interface \n"
            "-------------------- -------------------- ----- ----- ---------- --------- \n"
        )
        own = "192.168.0.0          192.168.0.180        U         3         20 net0\n"
        return 0, head + "".join(rows) + own

    def _arp(self, words: list[str]) -> tuple[int, str]:
        assert words == ["-an"]  # arp_report() in netstat.c, which arp runs
        return 0, (
            "\nNet to Media Table: IPv4\n"
            "Device   IP Address               Mask      Flags      Phys Addr\n"
            "------ -------------------- --------------- -------- ---------------\n"
            "net0   192.168.0.254        255.255.255.255          02:08:20:aa:bb:cc\n"
            "net0   192.168.0.180        255.255.255.255 SPLA     02:08:20:1a:0b:0c\n"
        ) + self.arp

    def _pargs(self, words: list[str]) -> tuple[int, str]:
        assert words[0] == "-e"
        found = self.environments.get(int(words[1]))
        return (0, found[1]) if found else (1, "pargs: cannot examine")

    def _uname(self, words: list[str]) -> tuple[int, str]:
        assert words == []
        return 0, "SunOS\n"

    def _ps(self, words: list[str]) -> tuple[int, str]:
        assert words[:3] == ["-o", "ppid=", "-p"]
        found = self.environments.get(int(words[3]))
        return (0, f"  {found[0]}\n") if found else (1, "")


def install(monkeypatch: Any, tmp_path: Any, host: SunOS) -> None:
    """Have the modules run on a host, with its files and the lock below ``tmp_path``."""
    from ansible_collections.lvs.cluster.plugins.module_utils import (
        _lock,
        _program,
        _sunos,
        _sunos_files,
        _sunos_host,
        _sunos_routes,
    )

    monkeypatch.setattr("sys.platform", "sunos5")
    monkeypatch.setattr(_program, "run", host.run)
    monkeypatch.setattr(_program, "where", lambda name: f"/usr/sbin/{name}" if host.ipadm else None)
    monkeypatch.setattr(_lock, "PATH", str(tmp_path / "lock"))
    monkeypatch.setattr(_sunos, "BOOT_SCRIPT", str(tmp_path / "net-physical"))
    monkeypatch.setattr(_sunos_files, "PREFIX", str(tmp_path / "hostname.lo0:"))
    monkeypatch.setattr(_sunos_routes, "DEFAULTROUTER", str(tmp_path / "defaultrouter"))
    monkeypatch.setattr(_sunos_host, "DR", str(tmp_path / "lvs" / "realserver_dr.ip"))
    monkeypatch.setattr(_sunos_host, "NAT", str(tmp_path / "lvs" / "realserver_nat.ip"))
    monkeypatch.delenv("SSH_CONNECTION", raising=False)
