# Copyright: (c) 2026, lvs.cluster contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The form of a resolved cluster, which the playbooks and all filters read."""

from __future__ import annotations

from typing import Any, NamedTuple


class Cluster(NamedTuple):
    """What an inventory comes to, as plain data.

    :ivar mistakes: a sentence for each; if there is one, all else is empty
    :ivar services: the virtual services with their destinations; a ``method`` may be ``fullnat``
    :ivar frontends: the services as clients see them, each with its ``vip``, ``protocol`` and
        ``port``; a service with a ``match`` has several
    :ivar vips: the VIPs, which the director holds
    :ivar marks: what gets which firewall mark: ``fwmark``, ``vip``, ``protocol`` and ``ports``;
        port 0 is every port that is in no later item
    :ivar keepalived_services: the virtual services for keepalived, if it fills the IPVS table
    :ivar directors: for each director its VRRP ``instances``, the addresses of its VRRP ``peers``,
        and what it serves itself as a real server while another one is master (``local``); all
        three are empty without VRRP
    :ivar masters: the directors that are to be the master of some VIP
    :ivar director_roles: the roles of a director, in the order in which they are applied
    :ivar ha: what makes the VIPs reachable, one of `HA`
    :ivar real_servers: what each host of the inventory serves, by forwarding method: the fields
        of a destination, and with them ``vip`` and ``protocol``, for ``nat`` the ``gateway``, and
        for ``tun`` the ``sources`` from which it takes tunnels
    :ivar names: the address of each host that has a name, for ``/etc/hosts``
    :ivar min_available: how many real servers of a service draining has to leave, as a count or a
        percentage
    :ivar tunnel_sources: the addresses and networks from which each RIP of method tun takes tunnels
    :ivar failover_seconds: within how many seconds a director is MASTER of each VIP; 0 without VRRP
    :ivar announce_seconds: with BGP, how many seconds after the start of keepalived the VIPs are
        announced, so that each real server has been checked once
    :ivar drained_rules: with BGP, the weights that drained real servers have otherwise, as rules of
        ``ipvsadm``
    :ivar hosts: what each director and real server is checked for, and the variables of its roles,
        as `host_plan` returns them
    :ivar options: the options of the playbooks
    """

    mistakes: list[str]
    services: list[dict[str, Any]] = []
    frontends: list[dict[str, Any]] = []
    vips: list[str] = []
    marks: list[dict[str, Any]] = []
    real_servers: dict[str, dict[str, list[dict[str, Any]]]] = {}
    keepalived_services: list[dict[str, Any]] = []
    directors: dict[str, dict[str, Any]] = {}
    masters: list[str] = []
    director_roles: list[str] = []
    names: dict[str, str] = {}
    min_available: str = "1"
    ha: str = "none"
    tunnel_sources: dict[str, list[str]] = {}
    failover_seconds: int = 0
    announce_seconds: int = 0
    drained_rules: list[str] = []
    hosts: dict[str, dict[str, Any]] = {}
    options: dict[str, Any] = {}
