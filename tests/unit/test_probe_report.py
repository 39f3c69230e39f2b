# Copyright: (c) 2026, lvs.cluster contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The filter probe_report: lines and problems from the answers that clients got."""

from __future__ import annotations

import pytest
from ansible_collections.lvs.cluster.plugins.filter.probe_report import FilterModule

probe_report = FilterModule().filters()["probe_report"]

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
    state = "active" if vips else "standby"
    return {"name": name, "state": state, "macs": [mac], "vips": list(vips)}


def asked(service, **options):
    """Return what the filter probes makes of a service that a client can ask."""
    title = f"{service['name']}, {service['vip']}:{service['port']}, {service['scheduler']}"
    options = {"protocol": "http", **options}
    return {"title": title, "service": service, "options": options, "untested": ""}


def status(*directors, **fields):
    lines = ["d23: active", "There are no differences from the inventory."]
    found = {"directors": directors, "trouble": [], "differences": [], "lines": lines}
    return {**found, **fields}


def judge(seen, expected, machines=(), **options):
    holder = director("d23", DIRECTOR, expected["vip"])
    clients = {"c10": {"results": [seen]}}
    return probe_report([asked(expected, **options)], clients, status(holder), dict(machines))


def test_a_cluster_that_works():
    found = judge(probe(), service())
    [result] = found.pop("results")
    assert {**result, "lines": [], "problems": []} == {
        "title": "web, 192.168.2.149:80, wrr",
        "client": "c10",
        "lines": [],
        "problems": [],
        "requests": 40,
        "answered": 40,
        "answers": {"rs31": 20, "rs32": 20},
    }
    assert found == {
        "lines": [
            "web, 192.168.2.149:80, wrr",
            "  rs31  20 of 40 requests, weight 5",
            "  rs32  20 of 40 requests, weight 5",
            f"  the VIP is at {DIRECTOR}, the director at {DIRECTOR}",
            f"  answers came from {ONE} and {TWO}, past the director",
            "  1.2 ms per request (0.9 to 4.0)",
            "d23: active",
            "There are no differences from the inventory.",
        ],
        "problems": [],
        "untested": [],
    }


def test_results_count_what_was_not_answered():
    [result] = judge(probe((20,), failed=3), service())["results"]
    assert (result["requests"], result["answered"]) == (23, 20)
    assert result["answers"] == {"rs31": 20, "rs32": 0}
    [unnamed] = judge(probe(answers={"any": 40}), service())["results"]
    assert unnamed["answers"] == {}
    [failed] = judge({"msg": "no route"}, service())["results"]
    assert (failed["requests"], failed["problems"]) == (0, ["no route."])


@pytest.mark.parametrize(
    ("weights", "counts", "scheduler", "good"),
    [
        ((5, 5), (21, 19), "wrr", True),  # a request of another client in between
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

    assert problem.startswith("web, 192.168.2.149:80, wlc: rs32 answered, but has weight 0")


def test_a_page_that_does_not_name_its_server():
    seen = probe(answers={"Welcome to nginx!": 40})

    result = judge(seen, service())

    assert "verify_identity" in result["problems"][0]
    assert "  Welcome to nginx!  40 of 40 requests, weight unknown" in result["lines"]


def test_requests_that_failed():
    [problem] = judge(probe((19, 19), failed=2), service())["problems"]

    assert problem.endswith("2 of 40 requests failed: timed out.")


@pytest.mark.parametrize(
    ("macs", "message"),
    [
        ([DIRECTOR, TWO], f"{TWO} answers ARP for the VIP, and is not the director"),
        ([], "no host answers ARP for the VIP"),
    ],
)
def test_hosts_other_than_the_director_that_answer_arp_are_reported(macs, message):
    [problem] = judge(probe(macs=macs), service())["problems"]

    assert message in problem


@pytest.mark.parametrize(
    ("method", "answer_macs", "line", "problem"),
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
def test_answers_take_the_return_path_of_the_method(method, answer_macs, line, problem):
    pool = [{**each, "method": method} for each in service()["destinations"]]

    result = judge(probe(answer_macs=answer_macs), service(destinations=pool))

    assert f", {line}" in "\n".join(result["lines"])
    assert problem in "".join(result["problems"])
    assert bool(result["problems"]) == bool(problem)


def test_each_vip_is_at_its_own_director():
    mail = {"name": "mail", "vip": "192.168.2.150"}
    seen = {"c10": {"results": [probe(), probe(macs=[DIRECTOR])]}}
    directors = [director("d23", DIRECTOR, "192.168.2.149"), director("d31", TWO, mail["vip"])]
    probes = [asked(service()), asked(service(**mail))]
    problem = probe_report(probes, seen, status(*directors), {})["problems"][0]
    assert problem.startswith(f"mail, 192.168.2.150:80, wrr: {DIRECTOR} answers ARP for the VIP")
    assert f"not the director ({TWO})" in problem


def test_a_director_that_is_a_real_server_answers_by_itself():
    seen = probe(answer_macs={DIRECTOR: 100, TWO: 100})
    for name, problems in (("rs31", 0), ("d23", 1)):
        now = status(director(name, DIRECTOR, service()["vip"]))
        report = probe_report([asked(service())], {"c10": {"results": [seen]}}, now, {})
        assert len(report["problems"]) == problems


def test_a_client_behind_a_router_sees_no_macs():
    result = judge(probe(on_link=False, macs=[], answer_macs={ONE: 200}), service())

    assert result["problems"] == []
    assert (
        "  the MAC address of the VIP is not known here, since a router lies between"
        in result["lines"]
    )


def test_no_service_is_no_success():
    report = probe_report([], {"c10": {"results": []}}, status(), {})
    assert report["problems"] == ["No service was tested, so nothing shows that the cluster works."]
    assert "There are no differences from the inventory." not in report["lines"]


DNS = {"name": "dns", "port": 53, "protocol": "udp", "scheduler": "rr"}
MACHINES = {
    "rs31": {"all_macs": [ONE], "findings": []},
    "rs32": {"all_macs": [TWO], "findings": []},
}


def by_mac(answers, **fields):
    return probe(answers=answers, sequence=[*answers] * 20, **fields)


def test_real_servers_that_do_not_name_themselves_are_known_by_their_macs():
    report = judge(by_mac({ONE: 20, TWO: 20}), service(**DNS), MACHINES, identity="mac")
    assert report["lines"][1:3] == [
        "  rs31  20 of 40 requests, weight 5",
        "  rs32  20 of 40 requests, weight 5",
    ]
    assert report["problems"] == []

    report = judge(by_mac({ONE: 40}), service(**DNS), MACHINES, identity="mac")
    assert "rs31 answered 40 of 40 requests" in report["problems"][0]


def test_answers_through_the_director_name_no_real_server():
    pool = [{**each, "method": "nat"} for each in service()["destinations"]]
    seen = probe(answers={DIRECTOR: 40}, sequence=[DIRECTOR] * 40, answer_macs={DIRECTOR: 40})
    report = judge(seen, service(**DNS, destinations=pool), MACHINES, identity="mac")
    assert report["lines"][1] == "  40 of 40 requests were answered"
    assert not any("rs31" in line for line in report["lines"])
    assert report["problems"] == []


def test_a_missing_reply_that_is_allowed_shows_nothing():
    seen = probe(answers={"no reply": 4}, sequence=["no reply"] * 4, latency_ms=None)
    options = {"protocol": "udp", "udp": {}, "identity": "mac"}
    report = judge(seen, service(**DNS), MACHINES, **options)
    assert "  4 of 4 requests had no reply and no error" in report["lines"]
    [sentence] = report["untested"]
    assert sentence.endswith("its check requires no reply, so a missing one proves nothing.")
    assert report["lines"][-1] == sentence


def test_a_service_that_was_not_asked_is_listed_with_the_reason():
    probes = [
        asked(service()),
        {**asked(service(**DNS)), "options": {}, "untested": "it has no check"},
        asked(service(name="mail")),
    ]
    results = [probe(), probe(failed=2)]
    holder = director("d23", DIRECTOR, "192.168.2.149")
    report = probe_report(probes, {"c10": {"results": results}}, status(holder), {})
    number = report["lines"].index("dns, 192.168.2.149:53, rr")
    assert report["lines"][number + 1] == "  not tested: it has no check"
    assert report["untested"] == ["dns, 192.168.2.149:53, rr: not tested: it has no check."]
    assert report["lines"][-1] == report["untested"][0]
    assert "There are no differences from the inventory." not in report["lines"]
    # Results belong to the services that were asked.
    assert [problem.split(",")[0] for problem in report["problems"]] == ["mail"]


def test_each_client_is_listed():
    seen = {"c10": {"results": [probe()]}, "c11": {"results": [probe(failed=1)]}, "c12": {}}
    holder = director("d23", DIRECTOR, "192.168.2.149")
    report = probe_report([asked(service())], seen, status(holder), {})
    titles = [line for line in report["lines"] if line.startswith("web")]
    assert [title.rpartition(", ")[2] for title in titles] == ["from c10", "from c11"]
    assert ["from c11" in problem for problem in report["problems"]] == [True]


UNREACHABLE = {"unreachable": True, "msg": "Task failed: no route to host"}


@pytest.mark.parametrize(
    "result", [UNREACHABLE, {"unreachable": True, "results": [UNREACHABLE], "msg": "All items"}]
)
def test_a_client_that_is_unreachable(result):
    report = probe_report([asked(service())], {"c10": result}, status(), {})
    assert report["problems"] == [
        "c10 can't send requests: no route to host.",
        "No service was tested, so nothing shows that the cluster works.",
    ]
    assert report["lines"][1] == "  not tested: no client took part"


def test_a_client_that_can_not_probe():
    seen = {"c10": {"failed": True, "results": [{"failed": True, "msg": "no ip here."}]}}
    [problem] = probe_report([asked(service())], seen, status(), {})["problems"]
    assert problem == "web, 192.168.2.149:80, wrr: no ip here."


def test_errors_of_hosts_have_the_name_of_the_host():
    machines = {
        "d23": {"findings": ["ip_vs is missing."]},
        "d31": UNREACHABLE,
        "rs31": UNREACHABLE,
        "rs32": {"findings": []},
        "rs33": {},
    }
    away = {**director("d31", TWO), "state": "unreachable"}
    now = status(director("d23", DIRECTOR), away, trouble=["d31 can't be read: it is off."])
    seen = {"c10": {"results": [probe(macs=[DIRECTOR])]}}
    problems = probe_report([asked(service())], seen, now, machines)["problems"]
    assert problems[:3] == [
        "d31 can't be read: it is off.",
        "d23: ip_vs is missing.",
        "rs31: no route to host",
    ]


def test_without_a_director_the_state_is_unknown():
    report = probe_report([asked(service())], {"c10": {"results": [probe()]}}, {}, {})
    assert "No director was read" in report["problems"][0]
    assert "There are no differences from the inventory." not in report["lines"]
