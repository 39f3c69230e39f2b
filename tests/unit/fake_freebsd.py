# Copyright: (c) 2026, lvs.cluster contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""A FreeBSD host for tests: the programs that the collection runs there, and what they print.

It keeps interfaces, routes and settings, and prints them in the formats of FreeBSD 13's programs.
These were written down from the source that is named beside them; nothing is a recording of a whole
system. It knows only the commands that the collection runs, and fails at any other, so a
test shows that a command is one of these, and not what a kernel makes of it.
"""

from __future__ import annotations

import ipaddress
import subprocess
from dataclasses import dataclass, field
from typing import Any

# status() in ifconfig.c, in_status() in af_inet.c and in6_status() in af_inet6.c of sbin/ifconfig
# of 13, called with -f inet:cidr,inet6:cidr -a. Flags and options are from memory, not verified.
IFCONFIG = """\
em0: flags=8863<UP,BROADCAST,RUNNING,SIMPLEX,MULTICAST> metric 0 mtu 1500
\toptions=481009b<RXCSUM,TXCSUM,VLAN_MTU,VLAN_HWTAGGING,VLAN_HWCSUM,VLAN_HWFILTER>
\tether 08:00:27:12:34:56
{em0}\tmedia: Ethernet autoselect (1000baseT <full-duplex>)
\tstatus: active
\tnd6 options=29<PERFORMNUD,IFDISABLED,AUTO_LINKLOCAL>
lo0: flags=8049<UP,LOOPBACK,RUNNING,MULTICAST> metric 0 mtu 16384
\toptions=680003<RXCSUM,TXCSUM,LINKSTATE,RXCSUM_IPV6,TXCSUM_IPV6>
{lo0}\tgroups: lo
\tnd6 options=21<PERFORMNUD,AUTO_LINKLOCAL>
"""

# print_getmsg() in sbin/route/route.c of 13; with -n, routename() prints 0.0.0.0 for default
ROUTE = """\
   route to: {to}
destination: {destination}
       mask: {mask}
{gateway}        fib: {fib}
  interface: {interface}
      flags: <UP,{flag}DONE,STATIC>
 recvpipe  sendpipe  ssthresh  rtt,msec    mtu        weight    expire
       0         0         0         0  {mtu:>8}         1         0
"""


@dataclass
class FreeBSD:
    """A host; ``fail_at`` is the number of the changing command that fails, from 1.

    :ivar gifs: name -> [outer source, outer destination, whether any source, whether it is up]
    :ivar ran: the commands that change something
    :ivar rc: what the script of `_freebsd_host` prints; None as rc(8) is not here
    """

    addresses: dict[str, list[str]] = field(
        default_factory=lambda: {
            "em0": ["inet 192.168.0.170/24 broadcast 192.168.0.255"],
            "lo0": ["inet6 ::1/128", "inet6 fe80::1%lo0/64 scopeid 0x2", "inet 127.0.0.1/8"],
        }
    )
    defaults: dict[tuple[str, int], str] = field(
        default_factory=lambda: {("-inet", 0): "192.168.0.1"}
    )
    settings: dict[str, str] = field(
        default_factory=lambda: {
            "net.link.ether.inet.proxyall": "0",
            "net.inet.ip.forwarding": "0",
            "net.inet.ip.check_interface": "0",
        }
    )
    arp: str = "? (192.168.0.254) at 08:00:27:aa:bb:cc on em0 expires in 1196 seconds [ethernet]\n"
    processes: dict[int, str] = field(default_factory=dict)
    rc: str | None = None
    gifs: dict[str, list[Any]] = field(default_factory=dict)
    ran: list[str] = field(default_factory=list)
    fail_at: tuple[int, ...] = ()

    def run(self, *words: str, text: str = "", seconds: float | None = None):
        """Take the place of ``_program.run``."""
        del text, seconds
        name, *rest = words
        program = getattr(self, f"_{name}", None)
        if program is None:
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
        if words == ["-f", "inet:cidr,inet6:cidr", "-a"]:
            lines = {
                name: "".join(f"\t{each}\n" for each in found)
                for name, found in self.addresses.items()
            }
            return 0, IFCONFIG.format(**lines) + "".join(map(self._gif, self.gifs))
        if words[0].startswith("gif"):
            return self._tunnel(*words)
        name, family, address, action = words
        if self._changes("ifconfig", *words):
            return 1, "ifconfig: ioctl (SIOCAIFADDR): Operation not permitted"
        there = self.addresses[name]
        mine = [each for each in there if each.split()[1].split("/")[0] == address.split("/")[0]]
        if action == "alias":
            assert ipaddress.ip_interface(address).network.num_addresses == 1, "always a host"
            if not mine:
                there.append(f"{family} {address}")
            return 0, ""
        assert action == "-alias"
        assert "/" not in address
        if not mine:
            return 1, "ifconfig: ioctl (SIOCDIFADDR): Can't assign requested address"
        there.remove(mine[0])
        return 0, ""

    def _gif(self, name: str) -> str:
        """Return what ifconfig prints of a gif (gif_status(), in_status_tunnel())."""
        *ends, any_source, up = self.gifs[name]
        tunnel = f"\ttunnel inet {ends[0]} --> {ends[1]}\n" if ends[0] else ""
        flags = "8051<UP,POINTOPOINT,RUNNING,MULTICAST>" if up else "8010<POINTOPOINT,MULTICAST>"
        options = "\toptions=2<IGNORE_SOURCE>\n" if any_source else ""
        return (
            f"{name}: flags={flags} metric 0 mtu 1280\n\toptions=80000<LINKSTATE>\n"
            f"{tunnel}\tgroups: gif\n{options}"
        )

    def _tunnel(self, name: str, *words: str) -> tuple[int, str]:
        if self._changes("ifconfig", name, *words):
            return 1, "ifconfig: failed"
        if words[0] == "create":
            if name in self.gifs:
                return 1, "ifconfig: create: interface gif0 already exists"
            assert words[1] == "tunnel"
            # in_gif_checkdup() refuses ends that another one without ignore_source has; of that,
            # in_set_tunnel() of ifconfig only warns.
            taken = [[*words[2:], False] == each[:3] for each in self.gifs.values()]
            self.gifs[name] = [*(["", ""] if any(taken) else words[2:]), False, False]
        elif name not in self.gifs:
            return 1, f"ifconfig: interface {name} does not exist"
        elif words == ("destroy",):
            del self.gifs[name]
        elif words == ("down",):
            self.gifs[name][3] = False
        else:
            assert words in (("up",), ("ignore_source", "up"))
            self.gifs[name][2:] = ["ignore_source" in words, True]
        return 0, ""

    def _route(self, words: list[str]) -> tuple[int, str]:
        fib = int(words[words.index("-fib") + 1]) if "-fib" in words else 0
        words = [each for each in words if each not in ("-fib", str(fib))]
        if words[:2] == ["-n", "get"]:
            return self._route_get(words[2], words[3], fib)
        action, family, destination, *gateway = words
        assert destination == "default"
        fails = self._changes("route", *words, *(["-fib", str(fib)] if fib else []))
        there = (family, fib) in self.defaults
        if fails or there != (action != "add"):
            return 1, f"route: {action} failed: {'File exists' if there else 'not in table'}"
        if action == "delete":
            del self.defaults[family, fib]
        else:
            self.defaults[family, fib] = gateway[0]
        return 0, f"{action} net default: gateway {gateway}\n"

    def _route_get(self, family: str, address: str, fib: int) -> tuple[int, str]:
        gateway = self.defaults.get((family, fib))
        for name, found in self.addresses.items() if address != "default" else ():
            for each in found:
                words = each.split()
                network = ipaddress.ip_interface(words[1].split("%")[0].partition("/")[0])
                length = words[1].rpartition("/")[2]
                network = ipaddress.ip_interface(f"{network.ip}/{length}")
                if ipaddress.ip_address(address) == network.ip:
                    return 0, self._shown(address, address, "", "lo0", fib, 16384)
                if ipaddress.ip_address(address) in network.network:
                    return 0, self._shown(address, str(network.network[0]), "", name, fib, 1500)
        if gateway is None:
            return 1, "route: route has not been found"
        to = {"-inet": "0.0.0.0", "-inet6": "::"}[family]
        return 0, self._shown(
            to if address == "default" else address, to, gateway, "em0", fib, 1500
        )

    @staticmethod
    def _shown(to: str, destination: str, gateway: str, interface: str, fib: int, mtu: int) -> str:
        hop = f"    gateway: {gateway}\n" if gateway else ""
        mask = destination if gateway else "255.255.255.0"
        fields = {"to": to, "destination": destination, "mask": mask, "gateway": hop}
        flag = "GATEWAY," if gateway else ""
        return ROUTE.format(**fields, interface=interface, fib=fib, mtu=mtu, flag=flag)

    def _sysctl(self, words: list[str]) -> tuple[int, str]:
        assert (
            words[0] == "-i"
        )  # parse() in sbin/sysctl/sysctl.c: NAME: VALUE, and nothing of unknown ones
        found = [f"{name}: {self.settings[name]}\n" for name in words[1:] if name in self.settings]
        return 0, "".join(found)

    def _arp(self, words: list[str]) -> tuple[int, str]:
        assert words == ["-an"]
        return 0, self.arp

    def _netstat(self, words: list[str]) -> tuple[int, str]:
        assert words == [
            "-rn"
        ]  # pr_rthdr() and p_rtentry_sysctl() in usr.bin/netstat/route.c of 13
        found = ["Routing tables", ""]
        for family, title in (("-inet", "Internet:"), ("-inet6", "Internet6:")):
            found += [title, "Destination        Gateway            Flags     Netif Expire"]
            if (family, 0) in self.defaults:
                gateway = self.defaults[family, 0]
                found.append(f"default            {gateway:<18} UGS         em0")
            found.append("192.168.0.0/24     link#1             U           em0")
        return 0, "\n".join([*found, ""])

    def _sh(self, words: list[str]) -> tuple[int, str]:
        assert words[0] == "-c"
        return (0, self.rc) if self.rc is not None else (127, "sh: cannot open /etc/rc.subr")

    def _uname(self, words: list[str]) -> tuple[int, str]:
        assert words == []
        return 0, "FreeBSD\n"

    def _ps(self, words: list[str]) -> tuple[int, str]:
        assert words[:-1] == ["-e", "-ww", "-o", "ppid=", "-o", "command=", "-p"]
        said = self.processes.get(int(words[-1]))
        return (0, said) if said else (1, "")


def install(monkeypatch: Any, tmp_path: Any, host: FreeBSD) -> None:
    """Have the modules run on a host, with the files of rc(8) and the lock below ``tmp_path``."""
    from ansible_collections.lvs.cluster.plugins.module_utils import _freebsd, _lock, _program

    monkeypatch.setattr("sys.platform", "freebsd13")
    monkeypatch.setattr(_program, "run", host.run)
    monkeypatch.setattr(_freebsd, "RC", str(tmp_path / "rc.conf.d"))
    monkeypatch.setattr(_lock, "PATH", str(tmp_path / "lock"))
    monkeypatch.delenv("SSH_CONNECTION", raising=False)
    (tmp_path / "rc.conf.d").mkdir()
