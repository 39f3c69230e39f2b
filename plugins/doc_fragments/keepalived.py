# Copyright: (c) 2026, lvs.cluster contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Documentation of keepalived's configuration, as this collection describes it.

tests/unit/test_keepalived.py keeps it in step with the tables of ``_keepalived_options``.
"""

from __future__ import annotations


class ModuleDocFragment:
    """Every option of the schema: its meaning, unit and default, and the release that has it."""

    DOCUMENTATION = r"""
options:
  globals:
    description: What is true of keepalived as a whole.
    type: dict
    suboptions:
      child_wait_time:
        description: Seconds that processes have to end when keepalived stops; V(5) if not given.
          Large configurations want more. From V(0) to V(4294).
        type: int
      interface_delays:
        description: How long an interface has to stay down, or up, before instances take note of
          it. This needs keepalived 2.2.3.
        type: list
        elements: dict
        suboptions:
          interface:
            description: The interface. Required.
            type: str
          down:
            description: Seconds after which it is down. Required. From V(0) to V(255).
            type: float
          up:
            description: Seconds after which it is up again; V(0) if not given.
            type: float
      tmp_config_directory:
        description: Where keepalived keeps its copy of the configuration, instead of memory.
          This needs keepalived 2.2.0.
        type: str
      router_id:
        description: The name of this machine in mail; its host name if not given.
        type: str
      notification_email:
        description: Who gets mail, as an address or as C(A name <address>).
        type: list
        elements: str
      notification_email_from:
        description: The sender of mail.
        type: str
      smtp_server:
        description: The server that takes the mail, as a name or an address, with a port after a
          colon if it is not V(25). An IPv6 address with a port is in brackets.
        type: str
      smtp_helo_name:
        description: The name by which this machine greets that server; its host name if not given.
        type: str
      smtp_connect_timeout:
        description: Seconds to wait for that server. From V(1) to V(4294).
        type: int
      smtp_alert:
        description: Whether changes are mailed, if the block where they happen does not set it.
        type: bool
      smtp_alert_vrrp:
        description: The same for instances and groups.
        type: bool
      smtp_alert_checker:
        description: The same for services and real servers.
        type: bool
      no_email_faults:
        description: Whether an instance's fault is left out of mail.
        type: bool
      no_checker_emails:
        description: Whether mail reports only real servers that come and go, not each change of a
          check.
        type: bool
      script_user:
        description: The user that scripts run as, and a group after a blank.
        type: str
      enable_script_security:
        description: Whether scripts of root are refused if others may change them. Without it
          keepalived complains of any script, and this module fails.
        type: bool
      use_symlink_paths:
        description: Whether the paths of scripts keep their symbolic links. This needs keepalived
          2.3.0.
        type: bool
      startup_script:
        description: A command that is run when keepalived starts. This needs keepalived 2.1.0.
          A text, or a mapping of C(command) and C(user).
        type: raw
      startup_script_timeout:
        description: Seconds that it may take; V(10) if not given. From V(1) to V(1000). This
          needs keepalived 2.1.0.
        type: int
      shutdown_script:
        description: A command that is run when keepalived has stopped. This needs keepalived 2.1.0.
          A text, or a mapping of C(command) and C(user).
        type: raw
      shutdown_script_timeout:
        description: Seconds that it may take; V(10) if not given. From V(1) to V(1000). This
          needs keepalived 2.1.0.
        type: int
      notify_fifo:
        description: A pipe that all changes are written to.
        type: str
      notify_fifo_script:
        description: A command that reads it, given its path as the last argument.
          A text, or a mapping of C(command) and C(user).
        type: raw
      vrrp_notify_fifo:
        description: A pipe that changes of instances and groups are written to.
        type: str
      vrrp_notify_fifo_script:
        description: A command that reads it.
          A text, or a mapping of C(command) and C(user).
        type: raw
      lvs_notify_fifo:
        description: A pipe that changes of services and real servers are written to.
        type: str
      lvs_notify_fifo_script:
        description: A command that reads it.
          A text, or a mapping of C(command) and C(user).
        type: raw
      fifo_write_vrrp_states_on_reload:
        description: Whether states are written to the pipes after a reload, too. This needs
          keepalived 2.2.5.
        type: bool
      vrrp_notify_priority_changes:
        description: Whether changes of priority are written to the pipes. This needs keepalived
          2.0.16.
        type: bool
      vrrp_version:
        description: The version of VRRP of instances that set none; V(2) if not given. With IPv6
          it is 3.
        type: int
      vrrp_mcast_group4:
        description: The IPv4 multicast group of advertisements; V(224.0.0.18) if not given.
        type: str
      vrrp_mcast_group6:
        description: The IPv6 multicast group of advertisements, which is link-local; V(ff02::12) if
          not given.
        type: str
      vrrp_garp_master_delay:
        description: Seconds from becoming master to the second announcement of the addresses;
          V(5) if not given, V(0) for none.
        type: int
      vrrp_garp_master_repeat:
        description: How often each announcement is sent; V(5) if not given. From V(1) to
          V(4294967295).
        type: int
      vrrp_garp_master_refresh:
        description: Seconds between further announcements of a master; V(0), for none, if not
          given. Announcements get lost, so a cluster wants some.
        type: int
      vrrp_garp_master_refresh_repeat:
        description: How often each of these is sent; V(1) if not given. From V(1) to V(4294967295).
        type: int
      vrrp_garp_lower_prio_delay:
        description: Seconds to the second announcement after another master with a lower priority
          was seen. From V(0) to V(4294).
        type: int
      vrrp_garp_lower_prio_repeat:
        description: How often each of these is sent. From V(0) to V(2147483647).
        type: int
      vrrp_garp_interval:
        description: Seconds between two gratuitous ARP messages by an interface. From V(1e-06) to
          V(4294).
        type: float
      vrrp_gna_interval:
        description: Seconds between two unsolicited neighbour advertisements by an interface.
          From V(1e-06) to V(4294).
        type: float
      vrrp_min_garp:
        description: Whether each address is announced once and not again. This needs keepalived
          2.0.12.
        type: bool
      vrrp_garp_extra_if:
        description: Seconds between announcements of addresses on other interfaces than that of
          their instance. From V(1) to V(86400). This needs keepalived 2.2.3.
        type: int
      vrrp_down_timer_adverts:
        description: After how many missing advertisements a backup takes over; V(3) if not given,
          as RFC 9568 has it. The same on all directors. From V(1) to V(100). This needs keepalived
          2.2.3.
        type: int
      vrrp_lower_prio_no_advert:
        description: Whether a master stays silent at an advertisement with a lower priority.
        type: bool
      vrrp_higher_prio_send_advert:
        description: Whether a master that sees a higher priority sends a last advertisement.
        type: bool
      vrrp_check_unicast_src:
        description: Whether advertisements are taken from the peers only, where peers are given.
        type: bool
      vrrp_skip_check_adv_addr:
        description: Whether the addresses in an advertisement are checked only when the master
          changes.
        type: bool
      v3_checksum_as_v2:
        description: Whether the checksum of version 3 over IPv4 leaves the addresses out, as RFC
          9568 and some vendors have it. This needs keepalived 2.2.8.
        type: bool
      vrrp_startup_delay:
        description: Seconds from keepalived's start to VRRP's. From V(0.001) to V(4294). This
          needs keepalived 2.0.14.
        type: float
      vrrp_delay_after_boot:
        description: Seconds from the machine's start to VRRP's. From V(0.001) to V(4294). This
          needs keepalived 2.4.0.
        type: float
      log_unknown_vrids:
        description: Whether advertisements of unknown routers are logged. This needs keepalived
          2.0.16.
        type: bool
      default_interface:
        description: The interface of static addresses that name none.
        type: str
      dynamic_interfaces:
        description: Whether interfaces may be missing, and come and go.
        type: bool
      disable_local_igmp:
        description: Whether the kernel's reports of local multicast groups are turned off. This
          needs keepalived 2.2.0.
        type: bool
      vmac_prefix:
        description: What names of VMAC interfaces begin with; V(vrrp) if not given. This needs
          keepalived 2.2.0.
        type: str
      vmac_addr_prefix:
        description: The same for VMACs on other interfaces than that of their instance. This
          needs keepalived 2.2.0.
        type: str
      nftables:
        description: The table of nftables that keepalived makes for what an instance doesn't
          accept. This needs keepalived 2.0.11.
        type: str
      nftables_priority:
        description: The priority of its chains; V(-1) if not given. From V(-2147483648) to
          V(2147483647). This needs keepalived 2.0.11.
        type: int
      nftables_counters:
        description: Whether its rules count. This needs keepalived 2.0.11.
        type: bool
      vrrp_rx_bufs_policy:
        description: By what the receive buffers of VRRP are measured, the MTU or the size of an
          advertisement. This needs keepalived 2.0.3.
        type: str
        choices: [MTU, ADVERT]
      vrrp_rx_bufs_multiplier:
        description: How many of these fit in a buffer; V(3) if not given. From V(1) to
          V(4294967295). This needs keepalived 2.0.3.
        type: int
      lvs_flush:
        description: Whether the IPVS table is emptied when keepalived starts.
        type: bool
      lvs_flush_on_stop:
        description: Whether it is emptied at once when keepalived stops, not service by service.
          This needs keepalived 2.2.0.
        type: bool
      lvs_timeouts:
        description: How long IPVS keeps idle connections.
        type: dict
        suboptions:
          tcp:
            description: Seconds for TCP. From V(1) to V(2678400).
            type: int
          tcpfin:
            description: Seconds for TCP after a FIN. From V(1) to V(2678400).
            type: int
          udp:
            description: Seconds for UDP. From V(1) to V(2678400).
            type: int
      sync_daemon:
        description: The kernel's daemon that synchronises connections with the other directors.
        type: dict
        suboptions:
          interface:
            description: The interface that it uses. Required.
            type: str
          instance:
            description: The instance that it follows, as master or as backup. Required for one
              of O(instances), because without it the daemon is both at once, which undoes
              C(backup_only). With several, whose masters differ, it must be both.
            type: str
          id:
            description: A number that all directors of a cluster share;
              O(instances[].virtual_router_id) if not given, V(0) without an instance. From V(0) to
              V(255).
            type: int
          maxlen:
            description: The longest packet, in bytes. From V(1) to V(65507).
            type: int
          port:
            description: The UDP port; V(8848) if not given. From V(1) to V(65535).
            type: int
          ttl:
            description: The time to live of packets. From V(1) to V(255).
            type: int
          group:
            description: The multicast group; V(224.0.0.81) if not given.
            type: str
      nftables_ipvs:
        description: The table of nftables in which keepalived marks packets of
          O(services[].endpoints), which are then one service of IPVS. This needs keepalived 2.2.2.
        type: str
      nftables_ipvs_priority:
        description: The priority of its chains. From V(-2147483648) to V(2147483647). This needs
          keepalived 2.2.2.
        type: int
      nftables_ipvs_start_fwmark:
        description: The first mark that is used; V(1000) if not given. From V(1) to
          V(4294967295). This needs keepalived 2.2.2.
        type: int
      checker_log_all_failures:
        description: Whether each failed check is logged, not only the last. This needs keepalived
          2.0.11.
        type: bool
      rs_init_notifies:
        description: Whether real servers that come up with keepalived are notified.
        type: bool
      vrrp_priority:
        description: The nice value of the process of VRRP. From V(-20) to V(19).
        type: int
      vrrp_no_swap:
        description: Whether the process of VRRP is kept in memory.
        type: bool
      vrrp_rt_priority:
        description: The realtime priority of the process of VRRP. From V(1) to V(99).
        type: int
      vrrp_rlimit_rttime:
        description: Microseconds that the process of VRRP may run in realtime without a pause.
          From V(2) to V(4294967295). This needs keepalived 2.1.0.
        type: int
      vrrp_cpu_affinity:
        description: The numbers of the processors that the process of VRRP runs on. Each is V(0)
          to V(4095). This needs keepalived 2.0.17.
        type: list
        elements: int
      checker_priority:
        description: The nice value of the process of health checks. From V(-20) to V(19).
        type: int
      checker_no_swap:
        description: Whether the process of health checks is kept in memory.
        type: bool
      checker_rt_priority:
        description: The realtime priority of the process of health checks. From V(1) to V(99).
        type: int
      checker_rlimit_rttime:
        description: Microseconds that the process of health checks may run in realtime without a
          pause. From V(2) to V(4294967295). This needs keepalived 2.1.0.
        type: int
      checker_cpu_affinity:
        description: The numbers of the processors that the process of health checks runs on. Each
          is V(0) to V(4095). This needs keepalived 2.0.17.
        type: list
        elements: int
      bfd_priority:
        description: The nice value of the process of BFD. From V(-20) to V(19).
        type: int
      bfd_no_swap:
        description: Whether the process of BFD is kept in memory.
        type: bool
      bfd_rt_priority:
        description: The realtime priority of the process of BFD. From V(1) to V(99).
        type: int
      bfd_rlimit_rttime:
        description: Microseconds that the process of BFD may run in realtime without a pause.
          From V(2) to V(4294967295). This needs keepalived 2.1.0.
        type: int
      bfd_cpu_affinity:
        description: The numbers of the processors that the process of BFD runs on. Each is V(0)
          to V(4095). This needs keepalived 2.0.17.
        type: list
        elements: int
      max_auto_priority:
        description: The highest realtime priority that a process which runs late takes by itself;
          V(0) for none, V(-1) for none and no warning. This needs keepalived 2.1.0.
        type: int
      min_auto_priority_delay:
        description: By how many microseconds it must be late for that; V(1000000) if not given.
          From V(1) to V(10000000). This needs keepalived 2.1.0.
        type: int
      process_names:
        description: Whether each process has a name of its own. This needs keepalived 2.0.16.
        type: bool
      vrrp_netlink_cmd_rcv_bufs:
        description: Bytes of the buffer for the kernel's commands to the process of VRRP. For
          machines with very many interfaces. From V(0) to V(4294967295).
        type: int
      vrrp_netlink_cmd_rcv_bufs_force:
        description: Whether that may exceed the system's limit.
        type: bool
      vrrp_netlink_monitor_rcv_bufs:
        description: Bytes of the buffer for the kernel's news to the process of VRRP. For
          machines with very many interfaces. From V(0) to V(4294967295).
        type: int
      vrrp_netlink_monitor_rcv_bufs_force:
        description: Whether that may exceed the system's limit.
        type: bool
      lvs_netlink_cmd_rcv_bufs:
        description: Bytes of the buffer for the kernel's commands to the process of health
          checks. For machines with very many interfaces. From V(0) to V(4294967295).
        type: int
      lvs_netlink_cmd_rcv_bufs_force:
        description: Whether that may exceed the system's limit.
        type: bool
      lvs_netlink_monitor_rcv_bufs:
        description: Bytes of the buffer for the kernel's news to the process of health checks.
          For machines with very many interfaces. From V(0) to V(4294967295).
        type: int
      lvs_netlink_monitor_rcv_bufs_force:
        description: Whether that may exceed the system's limit.
        type: bool
      umask:
        description: Which permissions new files do not get, as an octal number. This needs
          keepalived 2.0.9.
        type: str
      reload_check_config:
        description: Whether keepalived checks a new configuration before it reloads. A bad one
          can end it otherwise. This needs keepalived 2.2.0.
        type: bool
      reload_time_file:
        description: A file that holds the time of the next reload. This needs keepalived 2.1.0.
        type: str
      reload_repeat:
        description: Whether that reload happens every day. This needs keepalived 2.1.0.
        type: bool
      snmp_socket:
        description: The socket of the SNMP master agent.
        type: str
      enable_snmp_vrrp:
        description: Whether SNMP reports instances.
        type: bool
      enable_snmp_checker:
        description: Whether SNMP reports services.
        type: bool
      enable_snmp_rfc:
        description: Whether SNMP reports instances as RFC 2787 and RFC 6527 have it.
        type: bool
      enable_traps:
        description: Whether SNMP traps are sent.
        type: bool
      snmp_vs_stats_update_interval:
        description: Seconds after which counters of services are read again for SNMP. From
          V(0.001) to V(30). This needs keepalived 2.3.0.
        type: float
      snmp_rs_stats_update_interval:
        description: Seconds after which counters of real servers are read again for SNMP. From
          V(0.001) to V(30). This needs keepalived 2.3.0.
        type: float
  scripts:
    description: Commands that instances can track.
    type: list
    elements: dict
    suboptions:
      name:
        description: A name for O(instances[].track_scripts). Required.
        type: str
      command:
        description: The command and its arguments. It succeeds with exit status 0. Required.
        type: str
      interval:
        description: Seconds between two runs; V(1) if not given.
        type: int
      timeout:
        description: Seconds after which it has failed; O(scripts[].interval) if not given. From
          V(1) to V(4294).
        type: int
      rise:
        description: How many successes in a row make it good. From V(1) to V(2147483647).
        type: int
      fall:
        description: How many failures in a row make it bad. From V(1) to V(2147483647).
        type: int
      weight:
        description: What is added to the priority while it is good, or, if negative, while it is
          bad. With V(0), as if not given, a failure is a fault. From V(-253) to V(253).
        type: int
      user:
        description: The user that it runs as, and a group after a blank.
        type: str
      init_fail:
        description: Whether it is bad before it has run.
        type: bool
  track_files:
    description: Files that instances and checks can track.
    type: list
    elements: dict
    suboptions:
      name:
        description: A name for O(instances[].track_files). Required.
        type: str
      file:
        description: The path of a file that holds a number, in another directory than V(/).
          Required.
        type: str
      weight:
        description: What the number is multiplied with before it is added to the priority; V(1)
          if not given. With V(0) any number but 0 is a fault. From V(-254) to V(254).
        type: int
      init_file:
        description: The number that is written to the file at the start if there is no file. From
          V(-254) to V(254).
        type: int
  track_processes:
    description: Processes that instances can track. This needs keepalived 2.0.11.
    type: list
    elements: dict
    suboptions:
      name:
        description: A name for O(instances[].track_processes). Required.
        type: str
      process:
        description: The process, and its arguments if they matter. Required.
        type: str
      param_match:
        description: Whether the arguments may be the first of more (V(partial)), or their last
          one longer (V(initial)). By default, they must be equal. This needs keepalived
          2.0.16.
        type: str
        choices: [initial, partial]
      weight:
        description: What is added to the priority while it runs, or, if negative, while it
          doesn't. With V(0), as if not given, its absence is a fault. From V(-254) to V(254).
        type: int
      quorum:
        description: How many of it have to run; V(1) if not given.
        type: int
      quorum_max:
        description: How many of it may run, at least the quorum. From V(0) to V(65535). This needs
          keepalived 2.0.16.
        type: int
      fork_delay:
        description: Seconds that it has to run before it counts. From V(1e-06) to V(3600). This
          needs keepalived 2.0.16.
        type: float
      terminate_delay:
        description: For how many seconds it must be missing before that counts. From V(1e-06) to
          V(3600). This needs keepalived 2.0.16.
        type: float
      full_command:
        description: Whether the whole command line is compared.
        type: bool
  bfd_instances:
    description: Sessions of Bidirectional Forwarding Detection (RFC 5880) that instances and
      checks can track.
    type: list
    elements: dict
    suboptions:
      name:
        description: A name for O(instances[].track_bfds) and for checks, of 31 characters at most.
          Required.
        type: str
      neighbor_ip:
        description: The address of the other end. Required.
        type: str
      source_ip:
        description: The address of this end. Sessions with one O(bfd_instances[].neighbor_ip) need
          different ones.
        type: str
      min_rx:
        description: Milliseconds between two packets that it wants to get, at least; V(10) if not
          given. From V(1) to V(4294967), with
          three decimal places at most.
        type: float
      min_tx:
        description: Milliseconds between two packets that it sends, at least; V(10) if not given.
          From V(1) to V(4294967), with
          three decimal places at most.
        type: float
      idle_tx:
        description: Milliseconds between two packets while the session is down; V(1000) if not
          given. From V(1000) to V(4294967), with three decimal places at most.
        type: float
      multiplier:
        description: How many missing packets end the session; V(5) if not
          given. From V(1) to V(255).
        type: int
      passive:
        description: Whether it waits for the other end to begin.
        type: bool
      ttl:
        description: The time to live of packets over IPv4; V(255) if not given. From V(1) to
          V(255).
        type: int
      hoplimit:
        description: The hop limit of packets over IPv6; V(64) if not given. From V(1) to V(255).
        type: int
      max_hops:
        description: How many hops a packet may have come; V(0) if not given.
        type: int
      multihop:
        description: Whether the port of RFC 5883 is used, for a session over routers. This needs
          keepalived 2.2.8.
        type: bool
      weight:
        description: What is added to the priority while the session is up, or, if negative, while
          it is down. From V(-253) to V(253).
        type: int
  sync_groups:
    description: Instances that become master and backup together, two or more. Without
      O(sync_groups[].sync_group_tracking_weight), nothing may be tracked with a weight.
    type: list
    elements: dict
    suboptions:
      name:
        description: A name. Required.
        type: str
      instances:
        description: The names of its O(instances), which become master and backup together.
          Required.
        type: list
        elements: str
      track_interfaces:
        description: Interfaces that are tracked. Each is a name, or a mapping of C(name),
          C(weight) (V(-253) to V(253)) and C(reverse), which needs a weight. Without a weight, a
          failure is a fault. Not the interface of an instance, which it tracks by itself.
        type: list
        elements: raw
      track_scripts:
        description: Names of O(scripts) that are tracked, or mappings with a weight as in
          O(sync_groups[].track_interfaces).
        type: list
        elements: raw
      track_files:
        description: Names of O(track_files) that are tracked, or mappings with a weight (V(-254)
          to V(254)).
        type: list
        elements: raw
      track_processes:
        description: Names of O(track_processes) that are tracked, or mappings with a weight
          (V(-254) to V(254)). This needs keepalived 2.0.11.
        type: list
        elements: raw
      track_bfds:
        description: Names of O(bfd_instances) that are tracked, or mappings with a weight as in
          O(sync_groups[].track_interfaces).
        type: list
        elements: raw
      notify_master:
        description: A command that is run on becoming master.
          A text, or a mapping of C(command) and C(user).
        type: raw
      notify_backup:
        description: A command that is run on becoming backup.
          A text, or a mapping of C(command) and C(user).
        type: raw
      notify_fault:
        description: A command that is run on a fault.
          A text, or a mapping of C(command) and C(user).
        type: raw
      notify_stop:
        description: A command that is run when VRRP stops.
          A text, or a mapping of C(command) and C(user).
        type: raw
      notify:
        description: A command that is run on each change, with what changed, its name, its new
          state and its priority as last arguments.
          A text, or a mapping of C(command) and C(user).
        type: raw
      notify_priority_changes:
        description: Whether changes of priority are written to the pipes. This needs keepalived
          2.0.16.
        type: bool
      smtp_alert:
        description: Whether changes are mailed.
        type: bool
      sync_group_tracking_weight:
        description: Whether weights of what its members track count. They are ignored otherwise.
        type: bool
  instances:
    description: Instances of VRRP, each with addresses that one of several directors has.
    type: list
    elements: dict
    suboptions:
      name:
        description: A name. Required.
        type: str
      version:
        description: The version of VRRP. Version 2 counts advertisements in whole seconds and has
          no IPv6, version 3 counts hundredths of a second and has no password.
          O(globals.vrrp_version) if not given, and V(3) with IPv6. From V(2) to V(3).
        type: int
      state:
        description: The state to begin with, V(MASTER) or V(BACKUP); V(BACKUP) if not given.
          V(MASTER) needs O(instances[].priority).
        type: str
        choices: [MASTER, BACKUP]
      interface:
        description: The interface of the advertisements, and of addresses that name none. Required.
        type: str
      use_vmac:
        description: Whether the addresses have a MAC of their own, that of RFC 9568, on an
          interface of their own.
        type: bool
      vmac_interface:
        description: The name of that interface; it implies O(instances[].use_vmac).
        type: str
      use_vmac_addr:
        description: The same for addresses on other interfaces. This needs keepalived 2.2.0.
        type: bool
      vmac_xmit_base:
        description: Whether advertisements are still sent by O(instances[].interface).
          Required with unicast; needs O(instances[].use_vmac) or O(instances[].vmac_interface).
        type: bool
      virtual_router_id:
        description: The number of the virtual router. All its directors have the same, and no
          other router on this network. Required. From V(1) to V(255).
        type: int
      priority:
        description: Who is master, the highest is; V(100) if not given. Each director has
          another. V(255), for the owner of an address, is not allowed. From V(1) to V(254).
        type: int
      advert_int:
        description: Seconds between two advertisements; V(1) if not given. A backup takes over
          after 3 of them, and a part of one. Whole seconds with version 2, hundredths up to
          V(40.95) with version 3. From V(0.01) to V(255).
        type: float
      down_timer_adverts:
        description: After how many missing advertisements a backup takes over; V(3) if not given.
          The same on all directors. From V(1) to V(100). This needs keepalived 2.2.3.
        type: int
      preempt:
        description: Whether it takes over from a master with a lower priority; V(true) if not
          given. With V(false) all directors begin as V(BACKUP).
        type: bool
      preempt_delay:
        description: Seconds to wait before that. All directors begin as V(BACKUP). From V(0) to
          V(1000).
        type: float
      timer_expired_backup:
        description: The highest priority of the other directors. With
          O(instances[].preempt=false), it becomes backup if it ran so late that one of them may be
          master. It needs O(instances[].preempt=false). From V(1) to V(254). This needs keepalived
          2.2.8.
        type: int
      auth_pass:
        description: A password in advertisements of version 2, in clear and of at most 8
          characters. It keeps accidents away, not attackers.
        type: str
      unicast_src_ip:
        description: The sender of advertisements to the peers; the interface's first address if not
          given.
        type: str
      unicast_peers:
        description: The other directors. Advertisements are sent to them, instead of to all on the
          network. Each is an address, or a mapping of C(address), C(min_ttl) and C(max_ttl).
          Without any, multicast is used.
        type: list
        elements: raw
      unicast_ttl:
        description: The time to live of advertisements to the peers. From V(0) to V(255). This
          needs keepalived 2.1.0.
        type: int
      unicast_fault_no_peer:
        description: Whether it is a fault to have no peer. This needs keepalived 2.2.5.
        type: bool
      check_unicast_src:
        description: Whether advertisements are taken from the peers only. This needs keepalived
          2.1.0.
        type: bool
      mcast_src_ip:
        description: The sender of advertisements by multicast; the interface's first address if not
          given.
        type: str
      mcast_dst_ip:
        description: The multicast group of advertisements, of the family of the VIPs; an IPv6 one
          is link-local. This needs keepalived 2.2.5.
        type: str
      track_src_ip:
        description: Whether it is a fault if the sender's address goes.
        type: bool
      v3_checksum_as_v2:
        description: Whether the checksum of version 3 over IPv4 leaves the addresses out. This
          needs keepalived 2.2.8.
        type: bool
      vips:
        description: The addresses that a master has, all of one family. Each is an address with
          or without a prefix length, or a mapping of C(address), C(prefix) (that of one host if not
          given), C(interface), C(label) and C(scope) (of IPv4 only), and C(no_track). Required,
          unless O(instances[].no_virtual_ipaddress) is set.
        type: list
        elements: raw
      excluded_vips:
        description: Further addresses that a master has, which are in no advertisement, of any
          family.
        type: list
        elements: raw
      no_virtual_ipaddress:
        description: Whether there are no addresses. This needs keepalived 2.2.8.
        type: bool
      promote_secondaries:
        description: Whether the other addresses of a network stay when its first one goes. With a
          virtual MAC they do by themselves, and it is refused.
        type: bool
      virtual_routes:
        description:
          - Routes that a master has, as C(ip route add) takes them. C(nexthop) has C(via), C(dev),
            C(weight) and C(onlink); C(encap), C(realms) and C(protocol) are not taken.
          - A route has C(dev) and an interface, or C(no_track), since keepalived 2.2 can't watch it
            otherwise. C(default) stands before any address.
        type: list
        elements: str
      virtual_rules:
        description: Rules that a master has, as C(ip rule add) takes them, each with an action and
          a preference. C(realms), C(uidrange), C(ipproto), C(sport) and C(dport) are not taken.
        type: list
        elements: str
      accept:
        description: Whether a master takes packets to its addresses; V(true) if not given. With
          V(false) a director serves no client.
        type: bool
      dont_track_primary:
        description: Whether a failure of O(instances[].interface) is ignored.
        type: bool
      track_interfaces:
        description: Interfaces that are tracked. Each is a name, or a mapping of C(name),
          C(weight) (V(-253) to V(253)) and C(reverse), which needs a weight. Without a weight, a
          failure is a fault. Not the interface of an instance, which it tracks by itself.
        type: list
        elements: raw
      track_scripts:
        description: Names of O(scripts) that are tracked, or mappings with a weight as in
          O(instances[].track_interfaces).
        type: list
        elements: raw
      track_files:
        description: Names of O(track_files) that are tracked, or mappings with a weight (V(-254)
          to V(254)).
        type: list
        elements: raw
      track_processes:
        description: Names of O(track_processes) that are tracked, or mappings with a weight
          (V(-254) to V(254)). This needs keepalived 2.0.11.
        type: list
        elements: raw
      track_bfds:
        description: Names of O(bfd_instances) that are tracked, or mappings with a weight as in
          O(instances[].track_interfaces).
        type: list
        elements: raw
      notify_master:
        description: A command that is run on becoming master.
          A text, or a mapping of C(command) and C(user).
        type: raw
      notify_backup:
        description: A command that is run on becoming backup.
          A text, or a mapping of C(command) and C(user).
        type: raw
      notify_fault:
        description: A command that is run on a fault.
          A text, or a mapping of C(command) and C(user).
        type: raw
      notify_stop:
        description: A command that is run when VRRP stops.
          A text, or a mapping of C(command) and C(user).
        type: raw
      notify:
        description: A command that is run on each change, with what changed, its name, its new
          state and its priority as last arguments.
          A text, or a mapping of C(command) and C(user).
        type: raw
      notify_priority_changes:
        description: Whether changes of priority are written to the pipes. This needs keepalived
          2.0.16.
        type: bool
      smtp_alert:
        description: Whether changes are mailed.
        type: bool
      notify_master_rx_lower_pri:
        description: A command that a master runs when it sees another with a lower priority. This
          needs keepalived 2.0.6.
          A text, or a mapping of C(command) and C(user).
        type: raw
      garp_master_delay:
        description: See O(globals.vrrp_garp_master_delay), which it overrides. From V(0) to
          V(4294).
        type: int
      garp_master_repeat:
        description: See O(globals.vrrp_garp_master_repeat), which it overrides. From V(1) to
          V(4294967295).
        type: int
      garp_master_refresh:
        description: See O(globals.vrrp_garp_master_refresh), which it overrides. From V(0) to
          V(4294).
        type: int
      garp_master_refresh_repeat:
        description: See O(globals.vrrp_garp_master_refresh_repeat), which it overrides. From V(1)
          to V(4294967295).
        type: int
      garp_lower_prio_delay:
        description: See O(globals.vrrp_garp_lower_prio_delay), which it overrides. From V(0) to
          V(4294).
        type: int
      garp_lower_prio_repeat:
        description: See O(globals.vrrp_garp_lower_prio_repeat), which it overrides. From V(0) to
          V(2147483647).
        type: int
      garp_extra_if:
        description: See O(globals.vrrp_garp_extra_if), which it overrides; V(0) for none. This
          needs keepalived 2.2.3.
        type: int
      lower_prio_no_advert:
        description: See O(globals.vrrp_lower_prio_no_advert), which it overrides.
        type: bool
      higher_prio_send_advert:
        description: See O(globals.vrrp_higher_prio_send_advert), which it overrides.
        type: bool
      skip_check_adv_addr:
        description: See O(globals.vrrp_skip_check_adv_addr), which it overrides.
        type: bool
  services:
    description: Virtual services, as M(lvs.cluster.ipvs_table) takes them, and what keepalived
      adds to them.
    type: list
    elements: dict
    suboptions:
      name:
        description: A name for mistakes and for a comment in the file. With
          O(services[].endpoints) it is that of the group, and required.
        type: str
      vip:
        description: The address that clients use (VIP), IPv4 or IPv6.
        type: str
      port:
        description: The port that clients use, V(0) to V(65535). V(0) is every port and needs
          O(services[].persistence_timeout).
        type: int
      protocol:
        description: The transport protocol. V(tcp) if not given.
        type: str
        choices: [tcp, udp, sctp]
      fwmark:
        description: A firewall mark, V(1) to V(4294967295), instead of O(services[].vip),
          O(services[].port) and O(services[].protocol).
        type: int
      family:
        description: The address family of a service by firewall mark. V(ipv4) if not given.
        type: str
        choices: [ipv4, ipv6]
      endpoints:
        description: Several addresses and ports of one service, instead of
          O(services[].vip) and O(services[].port). Each is checked once for all of them.
        type: list
        elements: dict
        suboptions:
          vip:
            description: The address that clients use.
            type: str
          port:
            description: The port that clients use, V(0) to V(65535).
            type: int
      scheduler:
        description: How a real server is chosen. V(wlc) if not given.
        type: str
        choices: [rr, wrr, lc, wlc, lblc, lblcr, dh, sh, sed, nq, fo, ovf, mh, twos]
      scheduler_flags:
        description: The scheduler's flags. V(sh) has V(sh-fallback) and V(sh-port), V(mh) has
          V(mh-fallback) and V(mh-port), and all have V(flag-1), V(flag-2) and V(flag-3).
        type: list
        elements: str
      persistence_timeout:
        description: Seconds for which a client keeps its real server, up to V(2678400). V(0) for
          none.
        type: int
      persistence_mask:
        description: The prefix length, or the IPv4 netmask, by which clients are grouped.
        type: str
      persistence_engine:
        description: What else distinguishes clients.
        type: str
        choices: [sip]
      one_packet:
        description: Whether each packet is scheduled by itself. For UDP.
        type: bool
      destinations:
        description: The real servers.
        type: list
        elements: dict
        suboptions:
          address:
            description: The address of the real server.
            type: str
            required: true
          port:
            description: Its port, which must be that of the service with V(dr) and V(tun). By
              default, it is that of the service.
            type: int
          method:
            description: How packets are forwarded to it. V(dr) if not given. V(fullnat) is V(nat)
              here; V(local) is what kernels report, and refused.
            type: str
            choices: [dr, tun, nat, fullnat, local]
          weight:
            description: Its share, V(0) to V(65535); V(1) if not given. With V(0) it gets no new
              connections.
            type: int
          upper_threshold:
            description: How many connections it may have, up to V(2147483647). V(0) for any
              number.
            type: int
          lower_threshold:
            description: Below how many it gets connections again after that.
            type: int
          tunnel_type:
            description: The tunnel's type, with V(tun). V(ipip) if not given.
            type: str
            choices: [ipip, gue, gre]
          tunnel_port:
            description: The port of a V(gue) tunnel.
            type: int
          tunnel_checksum:
            description: The checksum of a V(gue) or V(gre) tunnel.
            type: str
            choices: [none, checksum, remote]
          name:
            description: A name for mistakes.
            type: str
          delay_loop:
            description: Seconds between two checks; V(60) if not given. From V(1e-06) to V(4294).
            type: float
          connect_timeout:
            description: Seconds to wait for an answer; V(5) if not given. From V(1e-06) to V(4294).
            type: float
          delay_before_retry:
            description: Seconds from a failed check to the next; V(3) for V(http) and V(ssl),
              O(services[].destinations[].delay_loop) for V(dns), and V(1) otherwise, if not given.
              From V(0) to V(4294).
            type: float
          warmup:
            description: Seconds within which the first check is made, at random;
              O(services[].destinations[].delay_loop) if not given. From V(0) to V(4294).
            type: float
          inhibit_on_failure:
            description: Whether a failed real server stays in the table with weight 0, and is not
              removed.
            type: bool
          smtp_alert:
            description: Whether changes are mailed.
            type: bool
          virtualhost:
            description: The name that checks of type V(http) and V(ssl) ask for, unless they set
              another.
            type: str
          snmp_name:
            description: A name for SNMP. This needs keepalived 2.2.3.
            type: str
          alpha:
            description: Whether a real server is down until a check has succeeded.
            type: bool
          retries:
            description: How often a check is repeated before a real server has failed; V(3) for
              V(dns), V(0) for V(misc), and V(1) otherwise, if not given.
            type: int
          notify_up:
            description: A command that is run when it is good again.
              A text, or a mapping of C(command) and C(user).
            type: raw
          notify_down:
            description: A command that is run when it has failed.
              A text, or a mapping of C(command) and C(user).
            type: raw
          check:
            description: Its health check, instead of O(services[].check).
            type: dict
            suboptions: &check
              type:
                description: What is done. V(none) for nothing; V(ping), V(udp) and V(file) need
                  keepalived 2.1.0. Required.
                type: str
                choices: [none, tcp, http, ssl, smtp, dns, udp, ping, misc, file, bfd]
              connect_ip:
                description: The address to connect to; that of the real server if not given.
                type: str
              connect_port:
                description: The port to connect to; that of the real server if not given.
                  Required where it has none, for a service of every port, or of a firewall mark.
                  From V(1) to V(65535).
                type: int
              bindto:
                description: The address to connect from.
                type: str
              bind_if:
                description: The interface to connect by.
                type: str
              bind_port:
                description: The port to connect from. From V(1) to V(65535).
                type: int
              connect_timeout:
                description: Seconds to wait for an answer; V(5) if not given. From V(1e-06) to
                  V(4294).
                type: float
              fwmark:
                description: A firewall mark for the packets of the check. From V(0) to
                  V(4294967295).
                type: int
              delay_loop:
                description: Seconds between two checks; V(60) if not given. From V(1e-06) to
                  V(4294).
                type: float
              delay_before_retry:
                description: Seconds from a failed check to the next; V(3) for V(http) and V(ssl),
                  the time between checks for V(dns), and V(1) otherwise, if not given. From V(0) to
                  V(4294).
                type: float
              warmup:
                description: Seconds within which the first check is made, at random; the time
                  between checks if not given. From V(0) to V(4294).
                type: float
              retries:
                description: How often a check is repeated before a real server has failed; V(3)
                  for V(dns), V(0) for V(misc), and V(1) otherwise, if not given.
                type: int
              alpha:
                description: Whether the real server is down until this check has succeeded.
                type: bool
              log_all_failures:
                description: Whether each failure is logged, not only the last. This needs
                  keepalived 2.0.11.
                type: bool
              http_protocol:
                description: >-
                    The version of HTTP. V(1.0C) is 1.0 with C(Connection\: close). This needs
                    keepalived 2.0.17.
                type: str
                choices: ["1.0", 1.0C, "1.1"]
              virtualhost:
                description: The host name in the request.
                type: str
              path:
                description: The path of the only page that V(http) and V(ssl) request, instead of
                  O(services[].destinations[].check.urls). Required there without it.
                type: str
              status:
                description: The accepted statuses of this page, such as V(200) and V(200-299).
                  Any from 200 to 299 if not given.
                type: list
                elements: str
              digest:
                description: The MD5 digest of this page, as C(genhash) prints it.
                type: str
              host:
                description: The host name in the request for this page.
                type: str
              fast_recovery:
                description: Whether all O(services[].destinations[].check.urls) are looked at
                  without a pause after a failure. This needs keepalived 2.0.17.
                type: bool
              urls:
                description: The pages that V(http) and V(ssl) ask for. Required there without
                  O(services[].destinations[].check.path).
                type: list
                elements: dict
                suboptions:
                  path:
                    description: The path of the page. Required.
                    type: str
                  status:
                    description: The statuses that are good, like V(200) and V(200-299). Any from
                      200 to 299 if not given.
                    type: list
                    elements: str
                  digest:
                    description: The MD5 digest of the page, as C(genhash) prints it.
                    type: str
                  host:
                    description: The host name in the request.
                    type: str
              sni:
                description: Whether V(ssl) sends the name in the handshake.
                type: bool
              tls_compliant:
                description: Whether V(ssl) ends a connection as TLS has it. This needs keepalived
                  2.2.8.
                type: bool
              helo_name:
                description: The name by which V(smtp) greets the server.
                type: str
              query:
                description: The type of record in the query of V(dns); V(SOA) if not given.
                type: str
                choices: [A, NS, CNAME, SOA, MX, TXT, AAAA]
              name:
                description: The domain in the query of V(dns), V(.) if not given; its first label
                  has two letters or more, since keepalived refuses one. Or the name of the
                  O(bfd_instances) that V(bfd) follows. Required there.
                type: str
              payload:
                description: What V(udp) sends, in hexadecimal; something random if not given.
                  This needs keepalived 2.2.0.
                type: str
              require_reply:
                description: What V(udp) wants back, in hexadecimal with V(X) for any digit, or
                  V(any). No reply is wanted if not given.
                type: str
              min_reply_length:
                description: How long that is at least, in bytes. From V(0) to V(65535). This
                  needs keepalived 2.2.0.
                type: int
              max_reply_length:
                description: How long that is at most, in bytes; V(255) if not given. From V(0) to
                  V(65535). This needs keepalived 2.2.0.
                type: int
              command:
                description: The command of V(misc). It succeeds with exit status 0. Required there.
                type: str
              timeout:
                description: Seconds that it may take; the time between checks if not given. From
                  V(1) to V(4294).
                type: int
              dynamic:
                description: Whether its exit status from 2 to 255 sets the weight, to 2 less.
                type: bool
              user:
                description: The user that it runs as, and a group after a blank.
                type: str
              track_file:
                description: The name of the O(track_files) that V(file) follows. Required there.
                type: str
              weight:
                description: What its number is multiplied with before it is added to the weight.
                  From V(-65535) to V(65535).
                type: int
      delay_loop:
        description: Seconds between two checks; V(60) if not given. From V(1e-06) to V(4294).
        type: float
      connect_timeout:
        description: Seconds to wait for an answer; V(5) if not given. From V(1e-06) to V(4294).
        type: float
      delay_before_retry:
        description: Seconds from a failed check to the next; V(3) for V(http) and V(ssl),
          O(services[].delay_loop) for V(dns), and V(1) otherwise, if not given. From V(0) to
          V(4294).
        type: float
      warmup:
        description: Seconds within which the first check is made, at random;
          O(services[].delay_loop) if not given. From V(0) to V(4294).
        type: float
      inhibit_on_failure:
        description: Whether a failed real server stays in the table with weight 0, and is not
          removed.
        type: bool
      smtp_alert:
        description: Whether changes are mailed.
        type: bool
      virtualhost:
        description: The name that checks of type V(http) and V(ssl) ask for, unless they set
          another.
        type: str
      snmp_name:
        description: A name for SNMP. This needs keepalived 2.2.3.
        type: str
      alpha:
        description: Whether a real server is down until a check has succeeded.
        type: bool
      retries:
        description: How often a check is repeated before a real server has failed; V(3) for
          V(dns), V(0) for V(misc), and V(1) otherwise, if not given.
        type: int
      omega:
        description: Whether scripts that report failures run when keepalived stops, too.
        type: bool
      ha_suspend:
        description: Whether checks pause while this machine does not have the address.
        type: bool
      quorum:
        description: How much weight of living real servers makes the service good; V(1) if not
          given. All weights together have to reach it.
        type: int
      hysteresis:
        description: How much weight the quorum may change before it counts. It is below
          O(services[].quorum). From V(0) to V(4294967295).
        type: int
      quorum_up:
        description: A command that is run when the quorum is gained.
          A text, or a mapping of C(command) and C(user).
        type: raw
      quorum_down:
        description: A command that is run when the quorum is lost.
          A text, or a mapping of C(command) and C(user).
        type: raw
      check:
        description: How real servers are checked that have no check of their own.
        type: dict
        suboptions: *check
      sorry_server:
        description: Who serves while the quorum is lost.
        type: dict
        suboptions:
          address:
            description: The address of the real server.
            type: str
            required: true
          port:
            description: Its port, which must be that of the service with V(dr) and V(tun). By
              default, it is that of the service.
            type: int
          method:
            description: How packets are forwarded to it. V(dr) if not given. V(fullnat) is V(nat)
              here; V(local) is what kernels report, and refused.
            type: str
            choices: [dr, tun, nat, fullnat, local]
          tunnel_type:
            description: The tunnel's type, with V(tun). V(ipip) if not given.
            type: str
            choices: [ipip, gue, gre]
          tunnel_port:
            description: The port of a V(gue) tunnel.
            type: int
          tunnel_checksum:
            description: The checksum of a V(gue) or V(gre) tunnel.
            type: str
            choices: [none, checksum, remote]
          inhibit:
            description: Whether it is kept with weight 0 when it fails.
            type: bool
  extra:
    description:
      - Text that is added at the end as it is, for what has no option here. C(keepalived -t) sees
        it.
      - It is not a place for secrets other than C(auth_pass), C(password) and C(key), which are
        hidden.
    type: str
"""
