# Copyright: (c) 2026, lvs.cluster contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Compare the answers that clients received with the inventory.

Pure: the requests of ``_probes``, the results of ``vip_probe`` on each client, and what ``status``
and ``preflight`` found come in; lines and sentences go out. Every service is listed; one that was
not tested has the reason.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from ansible_collections.lvs.cluster.plugins.module_utils._model import TRANSLATED, UNCHANGED
from ansible_collections.lvs.cluster.plugins.plugin_utils import _probes, _status

Data = Mapping[str, Any]

#: What ``vip_probe`` counts where a real server is not named, and where there was no reply.
UNNAMED, NO_REPLY = "any", "no reply"
NO_DIRECTOR: Data = {"name": "", "vips": [], "macs": []}
_UNKNOWN: Data = {
    "directors": [],
    "trouble": [_status.NO_DIRECTOR_READ],
    "lines": [],
    "differences": [_status.NO_DIRECTOR_READ],
}


def probe_report(
    probes: Sequence[Data], seen: Mapping[str, Data], status: Data, machines: Mapping[str, Data]
) -> dict[str, list[Any]]:
    """Return the report: lines, errors, services that were not tested, and the results as data.

    :param probes: what `_probes.of_clients` returns
    :param seen: by client, the registered results of ``vip_probe`` for the probes that have
        options; empty for a client that took no part
    :param status: what `_status.status` returns; empty if no director was read
    :param machines: by host, the result of ``preflight``
    """
    status = status or _UNKNOWN
    unreachable = {d["name"] for d in status["directors"] if d["state"] == "unreachable"}
    found = findings({host: m for host, m in machines.items() if host not in unreachable})
    problems = [*status["trouble"], *found]
    clients: dict[str, Iterator[Data]] = {}
    for client, result in seen.items():
        if result and _unreachable(result):
            problems.append(f"{client} can't send requests: {_reason(result)}.")
        elif result:
            clients[client] = iter(result.get("results", ()))
    names = {mac: host for host, m in machines.items() for mac in m.get("all_macs", ())}
    lines, untested, data = list[str](), list[str](), list[dict[str, Any]]()
    for probe in probes:
        title = probe["title"]
        reason = probe["untested"] or ("" if clients else "no client took part")
        if reason:
            lines += [title, f"  not tested: {reason}"]
            untested += [f"{title}: not tested: {reason}."] if probe["untested"] else []
            data.append({"title": title, "client": "", "untested": reason})
            continue
        for client, results in clients.items():
            where = f"{title}, from {client}" if len(clients) > 1 else title
            result = next(results)
            seen_lines, wrong = _judge(probe, result, status["directors"], names)
            data.append({"title": title, "client": client, "lines": seen_lines, "problems": wrong})
            data[-1].update(_counts(probe, result, names))
            lines += [where, *(f"  {line}" for line in seen_lines)]
            problems += [f"{where}: {sentence}" for sentence in wrong]
        if _probes.accepts_no_reply(probe["options"]):
            untested.append(
                f"{title}: its check requires no reply, so a missing one proves nothing."
            )
    if not clients or not any(probe["options"] for probe in probes):
        problems.append("No service was tested, so nothing shows that the cluster works.")
    shown = [line for line in status["lines"] if line not in (_status.NO_DIFFERENCE, *problems)]
    good = [] if problems or untested or status["differences"] else [_status.NO_DIFFERENCE]
    return {
        "lines": [*lines, *shown, *untested, *good],
        "problems": problems,
        "untested": untested,
        "results": data,
    }


def findings(machines: Mapping[str, Data]) -> list[str]:
    """Return the findings of ``preflight``, or why it failed, with the name of each machine."""
    return [
        f"{host}: {finding}"
        for host, result in machines.items()
        for finding in result.get("findings", [_reason(result)] if result else [])
    ]


def _unreachable(result: Data) -> bool:
    """Return whether a host was unreachable at each item of a loop."""
    results = result.get("results") or [result]
    return all(each.get("unreachable") for each in results)


def _reason(result: Data) -> str:
    """Return why a task has no result. Since ansible-core 2.19, messages have a prefix."""
    results = [result, *result.get("results", ())]
    message = next((str(r["msg"]) for r in reversed(results) if r.get("msg")), "it does not answer")
    return message.removeprefix("Task failed: ").rstrip(".")


def _judge(
    probe: Data, result: Data, directors: Sequence[Data], names: Mapping[str, str]
) -> tuple[list[str], list[str]]:
    """Return the result of one client for one service, as lines, and its errors."""
    if "sequence" not in result:
        return [], [f"{_reason(result)}."]
    service = probe["service"]
    holder = next((each for each in directors if service["vip"] in each["vips"]), NO_DIRECTOR)
    weights = _weights(service)
    result = _by_name(probe, result, names)
    wrong = [
        *unanswered(result),
        *out_of_proportion(result, service, weights),
        *bypassed(result, holder["macs"]),
        *passed(result, service, holder["macs"], holder["name"] in weights),
    ]
    return list(seen_lines(result, weights, holder["macs"])), wrong


def _weights(service: Data) -> dict[str, int]:
    return {d["name"]: d["weight"] for d in service["destinations"]}


def _counts(probe: Data, result: Data, names: Mapping[str, str]) -> dict[str, Any]:
    """Return the requests of one client to one service, and how many were answered, by whom."""
    if "sequence" not in result:
        return {"requests": 0, "answered": 0, "answers": {}}
    answers = dict.fromkeys(_weights(probe["service"]), 0) | dict(
        _by_name(probe, result, names)["answers"]
    )
    unnamed = {UNNAMED, NO_REPLY} & set(answers)
    return {
        "requests": len(result["sequence"]),
        "answered": len(result["sequence"]) - len(result["failures"]),
        "answers": {} if unnamed else answers,
    }


def _by_name(probe: Data, result: Data, names: Mapping[str, str]) -> Data:
    """Return a result whose answers are counted by real server, if they can be."""
    if probe["options"].get("identity") != "mac":
        return result
    pool = _weights(probe["service"])
    return _named(result, {mac: host for mac, host in names.items() if host in pool})


def _named(result: Data, names: Mapping[str, str]) -> Data:
    """Return a result with answers by real server instead of by link-layer address."""
    answers: dict[str, int] = {}
    for mac, count in result["answers"].items():
        name = NO_REPLY if mac == NO_REPLY else names.get(mac, UNNAMED)
        answers[name] = answers.get(name, 0) + count
    return {**result, "answers": answers}


def seen_lines(
    probe: Data, weights: Mapping[str, int], director_macs: Sequence[str]
) -> Iterator[str]:
    """Yield the lines of a client's result, without errors."""
    answers, number = probe["answers"], len(probe["sequence"])
    unnamed = {UNNAMED: "were answered", NO_REPLY: "had no reply and no error"}
    complete = not set(unnamed) & set(answers)
    names = {*(weights if complete else ()), *answers} - set(unnamed)
    width = max(map(len, names), default=0)
    for name in sorted(names):
        weight = weights.get(name, "unknown")
        yield f"{name:{width}}  {answers.get(name, 0)} of {number} requests, weight {weight}"
    for key, what in unnamed.items():
        if key in answers:
            yield f"{answers[key]} of {number} requests {what}"
    for mac in probe["macs"]:
        yield f"the VIP is at {mac}, the director at {' and '.join(director_macs)}"
    if not probe["on_link"]:
        yield "the MAC address of the VIP is not known here, since a router lies between"
    answered = set(probe["answer_macs"])
    through = answered.intersection(director_macs)
    return_path = "past the director"
    if through:
        return_path = "through the director" if through == answered else "some through the director"
    if probe["answer_macs"] and probe["on_link"]:
        yield f"answers came from {' and '.join(sorted(probe['answer_macs']))}, {return_path}"
    if probe["latency_ms"]:
        yield "{median} ms per request ({min} to {max})".format(**probe["latency_ms"])


def unanswered(probe: Data) -> Iterator[str]:
    """Report the requests that failed."""
    failures = probe["failures"]
    if failures:
        errors = dict.fromkeys(failure["error"] for failure in failures)
        yield f"{len(failures)} of {len(probe['sequence'])} requests failed: {'; '.join(errors)}."


def out_of_proportion(probe: Data, service: Data, weights: Mapping[str, int]) -> Iterator[str]:
    """Report real servers that answered out of proportion to their weights, or unexpectedly."""
    answers: Mapping[str, int] = probe["answers"]
    if UNNAMED in answers or NO_REPLY in answers:
        return
    unknown = sorted(set(answers).difference(weights))
    if unknown:
        yield (
            f"{', '.join(unknown)} answered, but no real server of the pool has that name"
            f" ({', '.join(weights)}). Put each server's inventory name into its page, or set"
            " verify_identity to where the name is."
        )
        return
    idle = [name for name in answers if weights[name] == 0]
    if idle:
        yield f"{', '.join(idle)} answered, but has weight 0 and must get no new connections."
    if service["scheduler"] not in ("rr", "wrr") or service.get("persistence_timeout"):
        return
    if service["scheduler"] == "rr":
        weights = {name: min(weight, 1) for name, weight in weights.items()}
    unit, total = math.gcd(*weights.values()), sum(weights.values())
    answered = sum(answers.values())
    for name, weight in weights.items():
        fair, count = answered * weight / (total or 1), answers.get(name, 0)
        if weight and abs(count - fair) > weight / unit:
            yield (
                f"{name} answered {count} of {answered} requests; by its weight it must be about"
                f" {fair:.0f}."
            )


def bypassed(probe: Data, director_macs: Sequence[str]) -> Iterator[str]:
    """Report hosts other than the director that answer ARP for the VIP."""
    if not probe["on_link"]:
        return
    if not probe["macs"]:
        yield "no host answers ARP for the VIP: the director does not hold it."
    for mac in probe["macs"]:
        if mac not in director_macs:
            yield (
                f"{mac} answers ARP for the VIP, and is not the director"
                f" ({', '.join(director_macs)}). If it is a real server, ARP is not suppressed"
                " there, and clients bypass the director."
            )


def passed(probe: Data, service: Data, director_macs: Sequence[str], serves: bool) -> Iterator[str]:
    """Report answers that passed the director or bypassed it, against the forwarding method."""
    methods = {destination["method"] for destination in service["destinations"]}
    through = sum(probe["answer_macs"].get(mac, 0) for mac in director_macs)
    past = sum(probe["answer_macs"].values()) - through
    if methods.issubset(UNCHANGED) and probe["on_link"] and through and not serves:
        yield f"{through} frames with answers came from the director; they must bypass it."
    if methods.issubset(TRANSLATED) and probe["on_link"] and past:
        yield f"{past} frames with answers bypassed the director; they must pass through it."
