# Copyright: (c) 2026, lvs.cluster contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""What is known of a host before its roles begin."""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml
from ansible_collections.lvs.cluster.plugins.filter.missing_packages import missing_packages
from ansible_collections.lvs.cluster.plugins.module_utils import _host_state

ROLES = Path(__file__).parents[2] / "roles"


@pytest.mark.parametrize(
    ("text", "family"),
    [
        ("ID=debian\n", "Debian"),
        ("NAME=Ubuntu\nID=ubuntu\nID_LIKE=debian\n", "Debian"),
        ('ID="rocky"\nID_LIKE="rhel centos fedora"\n', "RedHat"),
        ("ID=fedora\n", "RedHat"),
        ("ID=arch\nVARIANT_ID=debian\n", ""),
    ],
)
def test_the_family_of_a_distribution(text, family, tmp_path):
    path = tmp_path / "os-release"
    path.write_text(text)
    assert _host_state.os_family(str(path)) == family


def test_a_host_that_does_not_name_its_distribution(tmp_path):
    assert _host_state.os_family(str(tmp_path / "none")) == ""


@pytest.mark.parametrize(
    ("printed", "names"),
    [
        ("ii iproute2\nun iproute\nhi keepalived\nrc chrony\n", ["iproute2", "keepalived"]),
        ("package chrony is not installed\nii kmod\nii kmod\n", ["kmod"]),
    ],
)
def test_only_packages_that_are_installed_now(monkeypatch, printed, names):
    """A package manager also lists those that it removed, or only heard of."""
    monkeypatch.setattr(_host_state, "LISTS", {"Debian": ("printf", printed)})
    assert _host_state.installed_packages("Debian") == names


def test_without_a_package_manager_nothing_is_known(monkeypatch):
    monkeypatch.setattr(_host_state, "LISTS", {"Debian": ("/no/such/program",)})
    assert _host_state.installed_packages("Debian") == _host_state.installed_packages("") == []


def test_all_packages_of_roles_are_looked_for():
    """One that is not would be asked for by every run."""
    wanted = {
        package
        for path in (*ROLES.glob("*/vars/main.yml"), *ROLES.glob("*/tasks/main.yml"))
        for names in of_families(yaml.safe_load(path.read_text()))
        for package in names
    }
    assert wanted == set(_host_state.PACKAGES)


def of_families(data):
    """Yield the lists of packages somewhere in data."""
    if isinstance(data, list):
        for each in data:
            yield from of_families(each)
    if isinstance(data, dict):
        for key, value in data.items():
            if key.endswith("packages_of") and isinstance(value, dict):
                yield from value.values()
            else:
                yield from of_families(value)


@pytest.mark.parametrize(
    ("state", "names", "missing"),
    [
        ({}, [], ["ipvsadm", "kmod", "iproute"]),
        ({"os_family": "", "packages": []}, [], ["ipvsadm", "kmod", "iproute"]),
        ({"os_family": "Debian", "packages": ["kmod"]}, [], ["ipvsadm"]),
        ({"os_family": "Debian", "packages": ["kmod", "ipvsadm"]}, [], []),
        ({"os_family": "Suse", "packages": []}, [], []),
        ({"os_family": "Suse", "packages": ["other"]}, ["other", "more"], ["more"]),
    ],
)
def test_packages_that_are_not_known_to_be_installed_are_missing(state, names, missing):
    of = {"Debian": ["ipvsadm", "kmod"], "RedHat": ["iproute"]}
    assert missing_packages(of, state, names) == missing
