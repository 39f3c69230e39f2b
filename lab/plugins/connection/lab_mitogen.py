# Copyright: (c) 2026, lvs.cluster contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Mitogen's connection to a container, by the container's name and not by its address."""

from __future__ import annotations

from ansible_mitogen.plugins.connection.mitogen_docker import Connection as MitogenDocker

DOCUMENTATION = """
name: lab_mitogen
short_description: A node of the lab, by Mitogen
description: Mitogen's connection plugin for Docker, that knows a host by the name of its container.
author: lvs.cluster contributors (@lvs-cluster)
options:
  host:
    description: The container's name.
    vars:
      - name: ansible_docker_host
"""


class Connection(MitogenDocker):
    """Mitogen reads its container's name from the option ``host``."""


__all__ = ["Connection"]
