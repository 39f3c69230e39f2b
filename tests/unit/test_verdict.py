# Copyright: (c) 2026, lvs.cluster contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The filter verdict: what is said of what a client saw."""

from __future__ import annotations

import pytest
from ansible_collections.lvs.cluster.plugins.filter.verdict import FilterModule

verdict = FilterModule().filters()["verdict"]

DIRECTOR = "02:42:c0:a8:02:17"
ONE, TWO = "02:42:c0:a8:02:1f", "02:42:c0:a8:02:20"


def service(weights=(5, 5), **fields):
    pool = [
        {"name": f"rs3{n}", "address": f"192.168.2.3{n}", "port": 80, "method": "dr", "weight": w}
        for n, w in enumerate(weights, 1)
    ]
    defaults = {"name": "web", "vip": "192.168.2.149", "port": 80, "protocol": "tcp"}
    return {**defaults, "scheduler": "wrr", "destinations": pool, **fields}


def probe(counts=(20, 20), failed=0, **fields):
    answers = {f"rs3{n}": count for n, count in enumerate(counts, 1) if count}
    return {
        "answers": answers,
        "sequence": [name for name, count in answers.items() for _ in range(count)]
        + [None] * failed,
        "failures": [{"n": n + 1, "error": "timed out"} for n in range(failed)],
        "latency_ms": {"min": 0.9, "median": 1.2, "max": 4.0},
        "on_link": True,
        "macs": [DIRECTOR],
        "answer_macs": {ONE: 100, TWO: 100},
        **fields,
    }


def director(name, mac, *vips):
    return {"name": name, "macs": [mac], "vips": list(vips)}


def judge(seen, expected):
    return verdict([seen], [expected], [director("d23", DIRECTOR, expected["vip"])])


def test_a_cluster_that_works():
    assert judge(probe(), service()) == {
        "lines": [
            "web, 192.168.2.149:80, wrr",
            "  rs31  20 of 40 requests, weight 5",
            "  rs32  20 of 40 requests, weight 5",
            f"  the VIP is at {DIRECTOR}, the director at {DIRECTOR}",
            f"  answers came from {ONE} and {TWO}, past the director",
            "  1.2 ms a request (0.9 to 4.0)",
        ],
        "problems": [],
    }


@pytest.mark.parametrize(
    ("weights", "counts", "scheduler", "good"),
    [
        ((5, 5), (21, 19), "wrr", True),  # a request of somebody else's in between
        ((5, 5), (22, 18), "wrr", False),
        ((3, 1), (30, 10), "wrr", True),
        ((3, 1), (20, 20), "wrr", False),
        ((3, 1), (20, 20), "rr", True),  # rr knows weights only as 0 or not
        ((3, 1), (30, 10), "rr", False),
        ((3, 1), (20, 20), "wlc", True),  # depends on connections, not on requests
        ((1000, 1), (40, 0), "wrr", True),  # 40 requests are less than a round
        ((5, 0), (40, 0), "wrr", True),
        ((5, 5), (40, 0), "wrr", False),
        ((0, 0), (0, 0), "wrr", True),
    ],
)
def test_proportion(weights, counts, scheduler, good):
    problems = judge(probe(counts), service(weights, scheduler=scheduler))["problems"]

    assert (problems == []) is good


def test_persistence_sends_a_client_to_one_server():
    assert judge(probe((40, 0)), service(persistence_timeout=300))["problems"] == []


def test_a_drained_server_that_answers():
    [problem] = judge(probe((39, 1)), service((5, 0), scheduler="wlc"))["problems"]

    assert problem.startswith("web, 192.168.2.149:80, wlc: rs32 answered with weight 0")


def test_a_page_that_does_not_name_its_server():
    seen = probe(answers={"Welcome to nginx!": 40})

    result = judge(seen, service())

    assert "verify_identity" in result["problems"][0]
    assert "  Welcome to nginx!  40 of 40 requests, weight unknown" in result["lines"]


def test_requests_that_failed():
    [problem] = judge(probe((19, 19), failed=2), service())["problems"]

    assert problem.endswith("2 of 40 requests failed: timed out.")


@pytest.mark.parametrize(
    ("macs", "said"),
    [
        ([DIRECTOR, TWO], f"{TWO} answers ARP for the VIP, and is not the director"),
        ([], "nobody answers ARP for the VIP"),
    ],
)
def test_who_stands_for_the_vip(macs, said):
    [problem] = judge(probe(macs=macs), service())["problems"]

    assert said in problem


@pytest.mark.parametrize(
    ("method", "answer_macs", "said", "problem"),
    [
        ("dr", {ONE: 100, TWO: 100}, "past the director", ""),
        ("dr", {DIRECTOR: 7, ONE: 100}, "some through the director", "7 frames"),
        ("tun", {DIRECTOR: 7, ONE: 100}, "some through the director", "7 frames"),
        ("nat", {DIRECTOR: 200}, "through the director", ""),
        ("nat", {DIRECTOR: 7, ONE: 100}, "some through the director", "100 frames"),
        ("fullnat", {DIRECTOR: 200}, "through the director", ""),
        ("fullnat", {ONE: 100}, "past the director", "100 frames"),
    ],
)
def test_the_way_of_the_answers(method, answer_macs, said, problem):
    pool = [{**each, "method": method} for each in service()["destinations"]]

    result = judge(probe(answer_macs=answer_macs), service(destinations=pool))

    assert f", {said}" in "\n".join(result["lines"])
    assert problem in "".join(result["problems"])
    assert bool(result["problems"]) == bool(problem)


def test_each_vip_is_at_its_own_director():
    mail = {"name": "mail", "vip": "192.168.2.150"}
    seen = [probe(), probe(macs=[DIRECTOR])]
    directors = [director("d23", DIRECTOR, "192.168.2.149"), director("d31", TWO, mail["vip"])]
    [problem] = verdict(seen, [service(), service(**mail)], directors)["problems"][:1]
    assert problem.startswith(f"mail, 192.168.2.150:80, wrr: {DIRECTOR} answers ARP for the VIP")
    assert f"not the director ({TWO})" in problem


def test_a_director_that_is_a_real_server_answers_by_itself():
    seen = probe(answer_macs={DIRECTOR: 100, TWO: 100})
    for name, problems in (("rs31", 0), ("d23", 1)):
        said = verdict([seen], [service()], [director(name, DIRECTOR, service()["vip"])])
        assert len(said["problems"]) == problems


def test_a_client_behind_a_router_sees_no_macs():
    result = judge(probe(on_link=False, macs=[], answer_macs={ONE: 200}), service())

    assert result["problems"] == []
    assert (
        "  the MAC of the VIP is not to be seen from here, because a router lies between"
        in result["lines"]
    )


def test_no_service_is_no_success():
    assert verdict([], [], [])["problems"]
