# Copyright: (c) 2026, lvs.cluster contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The names that an inventory may use: groups, variables, fields, and the fixed values of some.

The schema of a service is ``_model``'s, and what keepalived knows is ``_keepalived_options``'s.
Here is what an inventory adds to them.
"""

from __future__ import annotations

from ansible_collections.lvs.cluster.plugins.module_utils import _keepalived_options
from ansible_collections.lvs.cluster.plugins.module_utils._model import ServiceKey, VirtualService

DIRECTORS = "lvs_directors"
REALSERVERS = "lvs_realservers"
CLIENTS = "lvs_clients"

#: Every variable of this collection that an inventory may set. The prefix ``lvs_`` is reserved for
#: it, so one that is not here is a typo.
VARIABLES = dict.fromkeys(
    "lvs_services lvs_method lvs_network lvs_mtu lvs_ha lvs_host_basics"  # the cluster
    " lvs_min_available"
    " lvs_address lvs_interface lvs_gateway"  # any host
    " lvs_weight lvs_weights lvs_drained lvs_nat_route lvs_tunnel_sources"  # a real server
    " lvs_forward"  # a director
    " lvs_priority lvs_virtual_router_id lvs_auth_pass lvs_advert_int lvs_keepalived"
    " lvs_bgp lvs_bgp_neighbors".split()
).keys()
#: Where all variables and fields of an inventory are described.
DOCUMENTED = "docs/inventory.md"

#: What makes the VIPs reachable: a single director by itself; VRRP between directors, of which one
#: is active; or BGP between directors and routers, with all directors active.
HA = ("none", "vrrp", "bgp")
#: What a director forwards beside load-balanced packets: all that it is asked to, or nothing.
FORWARD = ("all", "balanced")

#: The MTU of Ethernet (RFC 894), for a path whose MTU is not given.
MTU = 1500

#: Fields of a service that hold for all its destinations, in a destination's own names.
SHARED_FIELDS = tuple(
    "upper_threshold lower_threshold tunnel_type tunnel_port tunnel_checksum".split()
)
SCHEMA_FIELDS = frozenset({"name", *ServiceKey._fields, *VirtualService._fields} - {"key"})
#: Fields of a service for keepalived only. With one of them keepalived fills the IPVS table.
KEEPALIVED_FIELDS = frozenset({"check", "sorry_server"})
KEEPALIVED_FIELDS |= {option.name for option in _keepalived_options.SERVICE}
#: All of them, those first that are used most.
SERVICE_FIELDS = tuple(
    dict.fromkeys(
        [
            *"name vip port protocol scheduler method realservers realserver_port check".split(),
            *"persistence_timeout fwmark match destinations master".split(),
            *sorted(SCHEMA_FIELDS.union(SHARED_FIELDS)),
            *sorted(KEEPALIVED_FIELDS),
        ]
    )
)
#: Fields of a single destination for keepalived only, in a service that lists it outright.
DESTINATION_FIELDS = frozenset(
    {"check", *(option.name for option in _keepalived_options.DESTINATION)}
)
MATCH_FIELDS = ("vip", "protocol", "ports")
