# Copyright: (c) 2026, lvs.cluster contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
name: verdict
short_description: Judge what a client saw of virtual services
version_added: 0.1.0
author: lvs.cluster contributors (@lvs-cluster)
description:
  - Compares what M(lvs.cluster.vip_probe) returned with what the services should be, and tells it
    as lines for a person, and as sentences what is wrong.
  - Every request was answered, by real servers of the pool that have a weight.
  - With the schedulers V(rr) and V(wrr) and without persistence, each answered in proportion to its
    weight, give or take one round.
  - The director, and nobody else, answers ARP for the VIP.
  - With the methods V(dr) and V(tun), no answer passed the director, unless it is a real server
    itself; with V(nat) and V(fullnat), all did.
positional: services, directors
options:
  _input:
    description: The results of M(lvs.cluster.vip_probe), one for each service.
    type: list
    elements: dict
    required: true
  services:
    description: The services, as P(lvs.cluster.virtual_services#filter) returns them.
    type: list
    elements: dict
    required: true
  directors:
    description: The directors, each with its C(name), the C(vips) it holds and the link-layer
      addresses it has, C(macs), as P(lvs.cluster.status#filter) returns them.
    type: list
    elements: dict
    required: true
seealso:
  - module: lvs.cluster.vip_probe
  - plugin: lvs.cluster.status
    plugin_type: filter
"""

EXAMPLES = r"""
- name: Ask for the services
  lvs.cluster.vip_probe:
    vip: "{{ item.vip }}"
    port: "{{ item.port }}"
  loop: "{{ services }}"
  register: seen

- name: Show what was seen
  ansible.builtin.debug:
    msg: "{{ (seen.results | lvs.cluster.verdict(services, status.directors)).lines }}"
"""

RETURN = r"""
_value:
  description: C(lines) shows what was seen, C(problems) says what is wrong with it.
  type: dict
  sample:
    lines:
      - web, 192.168.2.149:80, wrr
      - "  rs31  20 of 40 requests, weight 5"
      - "  rs32  20 of 40 requests, weight 5"
      - "  the VIP is at 02:42:c0:a8:02:17, the director at 02:42:c0:a8:02:17"
      - "  answers came from 02:42:c0:a8:02:1f and 02:42:c0:a8:02:20, past the director"
    problems: []
"""

import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

Data = Mapping[str, Any]

NOBODY: Data = {"name": "", "vips": [], "macs": []}


def verdict(
    probes: Sequence[Data], services: Sequence[Data], directors: Sequence[Data]
) -> dict[str, list[str]]:
    """Return what probes saw of their services, for a person to read, and what is wrong with it."""
    lines, problems = [], []
    for probe, service in zip(probes, services, strict=True):
        holder = next((each for each in directors if service["vip"] in each["vips"]), NOBODY)
        macs = holder["macs"]
        title = f"{service['vip']}:{service['port']}, {service['scheduler']}"
        title = ", ".join(filter(None, (service.get("name"), title)))
        weights = {d["name"]: d["weight"] for d in service["destinations"]}
        lines += [title, *(f"  {line}" for line in seen(probe, weights, macs))]
        found = [
            *unanswered(probe),
            *out_of_proportion(probe, service, weights),
            *bypassed(probe, macs),
            *passed(probe, service, macs, holder["name"] in weights),
        ]
        problems += [f"{title}: {problem}" for problem in found]
    if not services:
        problems.append("There is no service that a client can ask for by TCP.")
    return {"lines": lines, "problems": problems}


def seen(probe: Data, weights: Mapping[str, int], director_macs: Sequence[str]) -> Iterator[str]:
    """Tell what the client saw, without a judgement."""
    names = {*weights, *probe["answers"]}
    width = max(map(len, names), default=0)
    for name in sorted(names):
        count, weight = probe["answers"].get(name, 0), weights.get(name, "unknown")
        yield f"{name:{width}}  {count} of {len(probe['sequence'])} requests, weight {weight}"
    for mac in probe["macs"]:
        yield f"the VIP is at {mac}, the director at {' and '.join(director_macs)}"
    if not probe["on_link"]:
        yield "the MAC of the VIP is not to be seen from here, because a router lies between"
    answered = set(probe["answer_macs"])
    through = answered.intersection(director_macs)
    way = "past the director"
    if through:
        way = "through the director" if through == answered else "some through the director"
    if probe["answer_macs"] and probe["on_link"]:
        yield f"answers came from {' and '.join(sorted(probe['answer_macs']))}, {way}"
    if probe["latency_ms"]:
        yield "{median} ms a request ({min} to {max})".format(**probe["latency_ms"])


def unanswered(probe: Data) -> Iterator[str]:
    """Tell of the requests that failed."""
    failures = probe["failures"]
    if failures:
        errors = dict.fromkeys(failure["error"] for failure in failures)
        yield f"{len(failures)} of {len(probe['sequence'])} requests failed: {'; '.join(errors)}."


def out_of_proportion(probe: Data, service: Data, weights: Mapping[str, int]) -> Iterator[str]:
    """Tell who answered more or less often than the weights say, or should not have at all."""
    answers: Mapping[str, int] = probe["answers"]
    strangers = sorted(set(answers).difference(weights))
    if strangers:
        yield (
            f"{', '.join(strangers)} answered, which is the name of no real server of the pool"
            f" ({', '.join(weights)}). Let the page name its server by the inventory's name, or say"
            " with verify_identity where the name stands."
        )
        return
    idle = [name for name in answers if weights[name] == 0]
    if idle:
        yield f"{', '.join(idle)} answered with weight 0, which takes no new connections."
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
                f"{name} answered {count} of {answered} requests; by its weight it should be about"
                f" {fair:.0f}."
            )


def bypassed(probe: Data, director_macs: Sequence[str]) -> Iterator[str]:
    """Tell who else than the director stands for the VIP."""
    if not probe["on_link"]:
        return
    if not probe["macs"]:
        yield "nobody answers ARP for the VIP: the director does not hold it."
    for mac in probe["macs"]:
        if mac not in director_macs:
            yield (
                f"{mac} answers ARP for the VIP, and is not the director"
                f" ({', '.join(director_macs)}). A real server that does is not quiet about its"
                " VIP, and clients reach it past the director."
            )


def passed(probe: Data, service: Data, director_macs: Sequence[str], serves: bool) -> Iterator[str]:
    """Tell whether answers came another way than they should, through the director or past it."""
    methods = {destination["method"] for destination in service["destinations"]}
    through = sum(probe["answer_macs"].get(mac, 0) for mac in director_macs)
    past = sum(probe["answer_macs"].values()) - through
    if methods <= {"dr", "tun"} and probe["on_link"] and through and not serves:
        yield f"{through} frames with answers came from the director; they should go past it."
    if methods <= {"nat", "fullnat"} and probe["on_link"] and past:
        yield f"{past} frames with answers came past the director; they should come through it."


class FilterModule:
    """What Ansible looks for in this file."""

    def filters(self) -> dict[str, Callable[..., Any]]:
        """Return the filters by name."""
        return {"verdict": verdict}
