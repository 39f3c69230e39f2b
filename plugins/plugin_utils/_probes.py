# Copyright: (c) 2026, lvs.cluster contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Build the requests that show that a service works, or the reason why there are none.

Pure: the result of ``resolve`` comes in. Requests to VIPs, as clients send them, go out as
options of ``vip_probe``; requests to real servers, as health checks send them, as those of
``realserver_probe``.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from typing import Any

from ansible_collections.lvs.cluster.plugins.module_utils._model import endpoint

Data = Mapping[str, Any]

#: Types of health checks of which the request is a UDP datagram, and their fields in it.
_BY_UDP = {
    "dns": ("query", "name"),
    "udp": ("payload", "require_reply", "min_reply_length", "max_reply_length"),
}
#: Types of health checks whose servers don't speak HTTP by TCP.
_NOT_HTTP = ("ssl", "smtp", "dns", "udp")
#: A missing reply is no failure where none is required: so many requests wait so many seconds.
_UNANSWERED = {"requests": 4, "timeout": 1.0}
#: The options of ``vip_probe`` that a request may leave out, with its own defaults.
DEFAULTS: Data = {"path": "/", "host": None, "dns": None, "udp": None, "timeout": 3.0}
#: Where it is not to be seen which real server answers, so many requests show that one does.
_FEW = 12


def of_clients(cluster: Data, names: bool = False) -> list[dict[str, Any]]:
    """Return the requests of ``vip_probe`` for each service of each VIP.

    :param names: whether the answer must identify its real server. Then requests by TCP are HTTP,
        unless the health check is of another protocol; the options of the playbook ``verify``
        define their number and the identity.
    :returns: ``title``, ``service``, and ``options`` of ``vip_probe`` or ``untested``, the reason
        why there are none
    """
    found = []
    for frontend in cluster["frontends"]:
        options = _client_options(frontend, names)
        if options and names:
            chosen = cluster["options"]
            asked = {"requests": chosen["verify_requests"], "identity": chosen["verify_identity"]}
            options = {**DEFAULTS, **asked, **options}
        elif options:
            options = {**DEFAULTS, "requests": _FEW, **options, "identity": "none"}
        reason = "" if options else _reason(frontend)
        found.append(_probe(frontend, endpoint(frontend["vip"], frontend["port"]), options, reason))
    marked = {frontend.get("fwmark") for frontend in cluster["frontends"]}
    for service in cluster["services"]:
        if service.get("fwmark") and service["fwmark"] not in marked:
            reason = "its fwmark has no match, so its VIP and port are unknown"
            found.append(_probe(service, f"fwmark {service['fwmark']}", {}, reason))
    return found


def of_real_servers(
    cluster: Data, hosts: Collection[str]
) -> tuple[list[dict[str, Any]], list[str]]:
    """Return the requests of ``realserver_probe``, and a sentence for each that is not possible.

    Requests are those of the service's health check, and go to the same port. Without one, a
    service by TCP must accept a connection.
    """
    servers: list[dict[str, Any]] = []
    untested: list[str] = []
    for frontend in cluster["frontends"]:
        check = frontend.get("check") or {}
        for item in frontend["destinations"]:
            if item["name"] not in hosts:
                continue
            port = _realserver_port(frontend, item)
            requests = list(_requests(frontend)) if port else []
            if not requests:
                untested.append(
                    f"{item['name']} is not tested for {_label(frontend)}: {_reason(frontend)}"
                )
            address = check.get("connect_ip") or item["address"]
            place = {"name": item["name"], "address": address, "port": port}
            servers += [one for each in requests if (one := {**place, **each}) not in servers]
    return servers, [f"{sentence}." for sentence in dict.fromkeys(untested)]


def _probe(service: Data, where: str, options: Data, reason: str) -> dict[str, Any]:
    protocol = service.get("protocol", "tcp")
    where = where if protocol == "tcp" else f"{protocol} {where}"
    title = ", ".join(filter(None, (service.get("name"), where, service["scheduler"])))
    return {"title": title, "service": service, "options": options, "untested": reason}


def _client_options(frontend: Data, names: bool) -> dict[str, Any]:
    """Return options of ``vip_probe``; none if no request is possible."""
    kind, port = _kind(frontend), _client_port(frontend)
    if not port:
        return {}
    place = {"vip": frontend["vip"], "port": port}
    if frontend["protocol"] == "tcp":
        if names and kind not in _NOT_HTTP:
            return {**place, "protocol": "http"}
        if kind == "http":
            url = {k: v for k, v in next(_requests(frontend)).items() if k in ("path", "host")}
            return {**place, "protocol": "http", "identity": "none", **url}
        return {**place, "protocol": "tcp", "identity": "none"}
    if frontend["protocol"] != "udp" or kind not in _BY_UDP:
        return {}
    check = frontend["check"]
    found = {**place, "protocol": kind, kind: _datagram(check), "identity": "mac"}
    return {**found, **(_UNANSWERED if accepts_no_reply(found) else {})}


def accepts_no_reply(options: Data) -> bool:
    """Return whether requests with these options of ``vip_probe`` need no reply."""
    return options.get("protocol") == "udp" and not options["udp"].get("require_reply")


def _client_port(frontend: Data) -> int:
    """Return the port of a client's requests. A service of all ports uses that of its check."""
    return int(frontend["port"] or (frontend.get("check") or {}).get("connect_port") or 0)


def _realserver_port(frontend: Data, destination: Data) -> int:
    """Return the port of a real server's health check; 0 if it is not known."""
    check = frontend.get("check") or {}
    return int(check.get("connect_port") or destination["port"] or frontend["port"] or 0)


def _reason(frontend: Data) -> str:
    """Return why no request to a service is possible."""
    protocol = frontend["protocol"]
    if protocol not in ("tcp", "udp"):
        return f"requests go by TCP or UDP, and this is {protocol.upper()}"
    kind = _kind(frontend)
    if protocol == "udp" and kind not in _BY_UDP:
        check = f"a check of type {kind}" if kind else "no check"
        return f"it has {check}; add one of type dns or udp, which defines the request"
    return "it has all ports; add a check with a connect_port"


def _kind(frontend: Data) -> str:
    """Return the type of a service's health check; nothing if it has none."""
    kind = str((frontend.get("check") or {}).get("type") or "")
    return "" if kind == "none" else kind


def _label(frontend: Data) -> str:
    return str(frontend.get("name") or endpoint(frontend["vip"], frontend["port"]))


def _requests(frontend: Data) -> Iterator[dict[str, Any]]:
    """Yield the requests of a service's health check, as ``realserver_probe`` takes them."""
    check = frontend.get("check") or {}
    kind = _kind(frontend)
    if frontend["protocol"] == "udp" and kind in _BY_UDP:
        yield {kind: _datagram(check)}
    if frontend["protocol"] != "tcp":
        return
    if kind != "http":
        yield {}
        return
    for url in check["urls"]:
        host = url.get("host") or check.get("virtualhost")
        yield {
            "path": url["path"],
            **({"host": host} if host else {}),
            **({"status": url["status"]} if url.get("status") else {}),
        }


def _datagram(check: Data) -> dict[str, Any]:
    """Return the fields of a check that define its request, and the expected reply."""
    return {field: check[field] for field in _BY_UDP[check["type"]] if check.get(field) is not None}
