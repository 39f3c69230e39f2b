#!/usr/bin/python
# Copyright: (c) 2026, lvs.cluster contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Ansible module: kernel settings, now and after a reboot."""

from __future__ import annotations

DOCUMENTATION = r"""
module: sysctls
short_description: Set kernel settings, now and at boot
version_added: 0.1.0
author: lvs.cluster contributors (@lvs-cluster)
description:
  - Sets any number of settings under C(/proc/sys) in one call, and writes them to a file from which
    they are restored at boot.
  - All settings are checked before the first is written. If the kernel refuses one, those already
    written are restored.
  - The value is compared with the one in effect, not with a file. The kernel itself changes some
    values. C(drop_entry), C(drop_packet) and C(secure_tcp) of C(net/ipv4/vs) are the same setting
    with V(1) and V(2).
extends_documentation_fragment:
  - lvs.cluster.attributes
options:
  values:
    description:
      - The settings, each with its value.
      - A key is a path below C(/proc/sys), like V(net/ipv4/conf/eth0.100/rp_filter). The form with
        dots, V(net.ipv4.ip_forward), is read as C(sysctl.d) reads it, so it does not work for an
        interface that has a dot in its name.
      - A setting that does not exist is an error. In check mode it is a warning, because an earlier
        task of the same play may load its kernel module.
    type: dict
    required: true
  save:
    description:
      - The file that restores the settings at boot, like V(/etc/sysctl.d/90-lvs-director.conf). The
        task owns the file and replaces it. Without any O(values) it is removed.
      - Comments in it have the former value of each setting.
      - A setting that is removed from O(values) gets its former value, and is removed from the
        file. If another program has changed it since, it is not changed. It also keeps its value if
        the file has no former value, like a file of release 0.1.0.
      - Setting C(net/ipv4/ip_forward) makes the kernel reset C(forwarding) of every interface and
        C(net/ipv4/conf/all/accept_redirects). Values that differ from that are noted and restored,
        too.
    type: path
seealso:
  - module: ansible.posix.sysctl
notes:
  - C(net/ipv4/vs) exists only while the kernel module C(ip_vs) is loaded, and belongs to a network
    namespace.
"""

EXAMPLES = r"""
- name: Make the host a director
  lvs.cluster.sysctls:
    values:
      net/ipv4/ip_forward: 1
      net/ipv4/vs/expire_nodest_conn: 1
      net/ipv4/vs/sync_threshold: 3 50
    save: /etc/sysctl.d/90-lvs-director.conf

- name: Accept answers that come in by a VLAN interface
  lvs.cluster.sysctls:
    values:
      net/ipv4/conf/eth0.100/rp_filter: 2

- name: Leave the host as it was
  lvs.cluster.sysctls:
    values: {}
    save: /etc/sysctl.d/90-lvs-director.conf
"""

RETURN = r"""
before:
  description: The values before the change, by path; null for a setting that did not exist.
    Restored settings are included.
  type: dict
  returned: success
  sample: {net/ipv4/ip_forward: "0"}
after:
  description: The values after the change.
  type: dict
  returned: success
  sample: {net/ipv4/ip_forward: "1"}
mistakes:
  description: All mistakes, each as a sentence.
  type: list
  elements: str
  returned: failure
  sample: ["net/ipv4/vs/conntrack does not exist: load ip_vs first (modprobe ip_vs)."]
"""

from collections.abc import Mapping
from functools import partial
from typing import Any

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.lvs.cluster.plugins.module_utils import _atomic_file, _run, _sysctl

HEADER = "# Written by Ansible (lvs.cluster.sysctls), which replaces what is changed here.\n"


def prepare(params: Mapping[str, Any]) -> _run.Change:
    """Return the change that the options define."""
    wanted = _sysctl.parse(params["values"])
    path = params["save"]
    saved = _atomic_file.read(path) if path else None
    _atomic_file.parsed(path, saved, _sysctl.check)
    restored = _sysctl.values_to_restore(saved, wanted)
    before = _sysctl.read_all([*wanted, *restored])
    after = _sysctl.planned(before, {**wanted, **restored})
    files, meanwhile = {}, {}
    if path:
        notes = _sysctl.values_to_note(saved, before, wanted)
        files[path] = (saved, _sysctl.document(HEADER, notes, wanted) if wanted else None)
        meanwhile[path] = _sysctl.interim_document(HEADER, saved, notes, wanted, restored)
    return _run.Change(
        before,
        after,
        apply=partial(_sysctl.apply, before, after),
        files=files,
        text=(_sysctl.render(before), _sysctl.render(after)),
        missing_requirements=_sysctl.missing({key: before[key] for key in wanted}),
        meanwhile=meanwhile,
    )


def main() -> None:
    """Run the module."""
    module = AnsibleModule(
        argument_spec={
            "values": {"type": "dict", "required": True},
            "save": {"type": "path"},
        },
        supports_check_mode=True,
    )
    _run.run(module, prepare)


if __name__ == "__main__":
    main()
