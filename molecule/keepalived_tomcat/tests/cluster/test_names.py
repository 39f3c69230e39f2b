# Copyright: (c) 2026, lvs.cluster contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""After site.yml, machines of T3 resolve each other's names."""

from __future__ import annotations

import pytest

ADDRESSES = {
    "proxy": "172.16.31.52",
    "proxy2": "172.16.31.53",
    "tom1": "172.16.31.50",
    "tom2": "172.16.31.51",
}


@pytest.mark.parametrize("name", ADDRESSES)
def test_machines_resolve_the_names_of_the_cluster(node, name):
    for other, address in ADDRESSES.items():
        assert node(name).check_output(f"getent ahostsv4 {other}").split()[0] == address


def test_a_second_run_changes_nothing(unchanged):
    unchanged("playbooks/site")
