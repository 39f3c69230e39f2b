# Copyright: (c) 2026, lvs.cluster contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""What is in the lab's virtual machine and in its nodes, and how they are built.

A change in this file means a new build.
"""

from __future__ import annotations

import hashlib
import io
import json
import os
import shlex
import tarfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

from host import KEYRING, as_root, machine, run

OWNER = f"{os.getuid()}:{os.getgid()}"

MODULES = """
    ip_vs ip_vs_rr ip_vs_wrr ip_vs_lc ip_vs_wlc ip_vs_lblc ip_vs_lblcr ip_vs_dh ip_vs_sh ip_vs_sed
    ip_vs_nq ip_vs_fo ip_vs_ovf ip_vs_mh ip_vs_pe_sip ipip sit ip6_tunnel ip_gre ip6_gre fou fou6
    dummy sctp sctp_diag 8021q veth bridge macvlan sch_netem sch_ingress cls_u32 nf_conntrack
    nf_conntrack_netlink nf_nat nf_tables nft_ct nft_nat nft_masq nft_chain_nat nft_compat nft_limit
    nft_log nft_reject_inet xt_ipvs xt_mark xt_conntrack xt_MASQUERADE xt_TCPMSS
""".split()

VM_SUITE = "bookworm"
# Its QEMU starts processes four times as fast, emulated, as Debian 12's; run by its own loader. Its
# kernel is the other one that the virtual machine can run.
NEWER_SUITE = "trixie"
KERNELS = ("debian12", "debian13")
VM_PACKAGES = "systemd-sysv udev kmod iproute2 procps nftables ca-certificates docker.io".split()
VM_FILES: dict[str, str | Path] = {
    "etc/hostname": "lvs-lab\n",
    "etc/hosts": "127.0.0.1 localhost\n127.0.1.1 lvs-lab\n",
    "etc/resolv.conf": "nameserver 10.0.2.3\n",
    "etc/modules-load.d/lab.conf": "\n".join(MODULES) + "\n",
    # Nodes start with the kernel's own defaults (forwarding off), not with this machine's values.
    "etc/sysctl.d/lab.conf": """\
net.core.devconf_inherit_init_net = 2
net.ipv4.ip_forward = 1
net.ipv6.conf.all.forwarding = 1
""",
    # The network that QEMU makes. Docker sets no packet rules of its own: what nodes send each
    # other passes untouched. The one rule here lets them reach a package mirror.
    "etc/lab/uplink.ip": """\
link set eth0 up
address add 10.0.2.15/24 dev eth0
route add default via 10.0.2.2
""",
    "etc/lab/uplink.nft": """\
table ip lab {
  chain postrouting {
    type nat hook postrouting priority srcnat
    oifname "eth0" masquerade
  }
}
""",
    "etc/systemd/system/lab-uplink.service": """\
[Unit]
Description=The way out of the virtual machine
After=systemd-modules-load.service
[Service]
Type=oneshot
ExecStart=ip -batch /etc/lab/uplink.ip
ExecStart=nft -f /etc/lab/uplink.nft
[Install]
WantedBy=multi-user.target
""",
    "etc/docker/daemon.json": json.dumps(
        {
            "iptables": False,
            "userland-proxy": False,
            "storage-driver": "overlay2",
            "exec-opts": ["native.cgroupdriver=cgroupfs"],
        }
    ),
    "etc/default/docker": (
        'DOCKER_OPTS="-H tcp://0.0.0.0:2376 --tlsverify --tlscacert=/etc/docker/tls/ca.pem'
        ' --tlscert=/etc/docker/tls/cert.pem --tlskey=/etc/docker/tls/key.pem"\n'
    ),
}
INITRAMFS_FILES: dict[str, str | Path] = {
    "etc/initramfs-tools/conf.d/lab": "MODULES=list\nCOMPRESS=gzip\n",
    "usr/share/initramfs-tools/modules.d/lab": "virtio_pci\nvirtio_blk\nvirtio_net\next4\n",
}
VM_ENABLE = "docker.service lab-uplink.service".split()
# Nothing in the virtual machine needs udev, and every interface of every node would start it.
VM_MASK = """
    systemd-udevd.service systemd-udevd-control.socket systemd-udevd-kernel.socket
    systemd-udev-trigger.service modprobe@configfs.service modprobe@dm_mod.service
    modprobe@efi_pstore.service modprobe@fuse.service modprobe@loop.service dev-hugepages.mount
    sys-kernel-debug.mount sys-kernel-tracing.mount systemd-random-seed.service
    systemd-update-utmp.service systemd-update-utmp-runlevel.service getty.target
    apt-daily.timer apt-daily-upgrade.timer dpkg-db-backup.timer fstrim.timer e2scrub_all.timer
    e2scrub_reap.service
""".split()

NODE_SUITES = {"debian12": "bookworm", "debian13": "trixie"}
NODE_PACKAGES = """
    systemd-sysv python3 python3-apt iproute2 iputils-ping procps kmod curl nginx-light nftables
""".split()
NODE_OFFLINE_PACKAGES = "ipvsadm python3-pyroute2 keepalived bird2 tcpdump".split()
# For one scenario, so what they need lies in apt's cache beside them.
NODE_NETWORK_MANAGERS = "ifupdown network-manager".split()
NODE_DISABLE = "nginx.service apt-daily.timer apt-daily-upgrade.timer dpkg-db-backup.timer".split()
NODE_MASK = """
    getty.target console-getty.service systemd-logind.service systemd-udevd.service
    systemd-udev-trigger.service systemd-firstboot.service systemd-journald-audit.socket
    systemd-update-utmp.service systemd-update-utmp-runlevel.service systemd-hostnamed.socket
    systemd-creds.socket e2scrub_all.timer
    dev-hugepages.mount sys-kernel-config.mount sys-kernel-debug.mount sys-kernel-tracing.mount
""".split()
# The only generator of systemd that a node needs: ipvsadm has an init script and no unit. A dozen
# of them would run at boot, and at each `systemctl daemon-reload`.
NODE_GENERATOR = "systemd-sysv-generator"
NODE_CONFIG = {"Cmd": ["/sbin/init"], "Env": ["container=docker"], "StopSignal": "SIGRTMIN+3"}

CERTIFICATES = """\
[req]
distinguished_name = name
[name]
[ca]
basicConstraints = critical, CA:TRUE
keyUsage = critical, keyCertSign
subjectKeyIdentifier = hash
[server]
basicConstraints = critical, CA:FALSE
keyUsage = critical, digitalSignature
extendedKeyUsage = serverAuth
subjectAltName = IP:127.0.0.1, DNS:localhost
subjectKeyIdentifier = hash
authorityKeyIdentifier = keyid
[client]
basicConstraints = critical, CA:FALSE
keyUsage = critical, digitalSignature
extendedKeyUsage = clientAuth
subjectKeyIdentifier = hash
authorityKeyIdentifier = keyid
"""


def recipe_key(mirror: str) -> str:
    """Name this recipe: the same name, the same build."""
    parts = [machine().arch.encode(), mirror.encode(), Path(__file__).read_bytes()]
    return hashlib.sha256(b"\0".join(parts)).hexdigest()[:12]


def add(tar: tarfile.TarFile, name: str, data: bytes) -> None:
    """Add a file of root's to an archive; keys are for root alone."""
    info = tarfile.TarInfo(name)
    info.size = len(data)
    info.mode = 0o600 if name.endswith("key.pem") else 0o644
    tar.addfile(info, io.BytesIO(data))


def overlay(path: Path, files: Mapping[str, str | Path]) -> str:
    """Put files, given as text or copied, into an archive; return the hook that unpacks it."""
    with tarfile.open(path, "w") as tar:
        for name, content in files.items():
            add(tar, name, content.read_bytes() if isinstance(content, Path) else content.encode())
    return f"tar-in {shlex.quote(str(path))} /"


def bootstrap(
    suite: str,
    target: Path,
    mirror: str,
    packages: Sequence[str],
    options: Sequence[str],
    variant: str = "minbase",
) -> None:
    """Make a small Debian system, a directory or (named .tar) an archive, with mmdebstrap."""
    run(
        f"bootstrap-{target.stem}",
        as_root(
            ["env", f"TMPDIR={target.parent}", "mmdebstrap", f"--variant={variant}"]
            + [f"--keyring={KEYRING}", "--components=main", f"--include={','.join(packages)}"]
            + ['--aptopt=APT::Install-Recommends "false"', '--aptopt=Acquire::Languages "none"']
            + [f"--dpkgopt=path-exclude=/usr/share/{d}/*" for d in ("doc", "man", "locale")]
            + ["--dpkgopt=force-unsafe-io", *options, suite, str(target), mirror]
        ),
    )


def build_node(work: Path, mirror: str, name: str) -> Path:
    """Build a node's root file system as a tar archive.

    Packages for use without a network lie in apt's cache; what they need is installed, since an
    emulated machine takes its time for each package, and Python compiles what it is asked for only.
    apt's lists are cut down to all of these: reading the whole of Debian takes many seconds.
    """
    later = " ".join(NODE_OFFLINE_PACKAGES)
    script = f"""
        set -e
        needed=$(chroot "$1" apt-get install --simulate {later} |
            awk '$1 == "Inst" && !index(" {later} ", " " $2 " ") {{ print $2 }}')
        chroot "$1" apt-get install --yes $needed
        chroot "$1" apt-get clean
        chroot "$1" apt-get install --yes --download-only {later} \
            {" ".join(NODE_NETWORK_MANAGERS)}
        cd "$1"/var/cache/apt
        rm -f pkgcache.bin srcpkgcache.bin
        chroot "$1" dpkg-query --show --showformat '${{Package}}\\n' >names
        ls archives | sed -n 's/_.*//p' >>names
        for list in "$1"/var/lib/apt/lists/*_Packages; do
            awk 'NR == FNR {{ wanted[$1]; next }} $2 in wanted' names RS= ORS='\\n\\n' "$list" >list
            touch -r "$list" list
            cat list >"$list"
            touch -r list "$list"
        done
        rm list names
        ln -sf /bin/true "$1"/usr/bin/py3compile
        systemctl --quiet --root="$1" disable {" ".join(NODE_DISABLE)}
        systemctl --quiet --root="$1" mask {" ".join(NODE_MASK)}
        mkdir "$1"/etc/systemd/system-generators
        for generator in "$1"/lib/systemd/system-generators/*; do
            [ ${{generator##*/}} = {NODE_GENERATOR} ] ||
                ln -s /dev/null "$1"/etc/systemd/system-generators/${{generator##*/}}
        done
        : >"$1"/etc/machine-id
        touch "$1"/etc/.updated "$1"/var/.updated
    """
    options = [f"--customize-hook={script}", "--skip=cleanup/apt,cleanup/reproducible"]
    layer = work / f"{name}.tar"
    bootstrap(NODE_SUITES[name], layer, mirror, NODE_PACKAGES, options)
    run(f"own-{name}", as_root(["chown", OWNER, str(layer)]))
    return layer


class Image(NamedTuple):
    """A node's image of one layer: its tag, that layer, the layer's digest, and Docker's JSON."""

    tag: str
    layer: Path
    digest: str
    config: bytes


def node_image(layer: Path, mirror: str) -> Image:
    """Return the image of a node whose root file system is in that archive."""
    with layer.open("rb") as file:
        digest = hashlib.file_digest(file, "sha256").hexdigest()
    config = {
        "architecture": machine().arch,
        "os": "linux",
        "config": NODE_CONFIG | {"Labels": {"lvs-lab.recipe": recipe_key(mirror)}},
        "rootfs": {"type": "layers", "diff_ids": [f"sha256:{digest}"]},
    }
    return Image(f"lvs-node:{layer.stem}", layer, digest, json.dumps(config).encode())


def pack_nodes(work: Path, layers: Sequence[Path], mirror: str) -> Path:
    """Write the archive that `docker load` takes: for each node an image of one layer."""
    manifest = []
    with tarfile.open(work / "nodes.tar", "w") as tar:
        for image in (node_image(layer, mirror) for layer in layers):
            config = f"{image.layer.stem}.json"
            add(tar, config, image.config)
            tar.add(image.layer, image.layer.name)
            manifest.append(
                {"Config": config, "RepoTags": [image.tag], "Layers": [image.layer.name]}
            )
        add(tar, "manifest.json", json.dumps(manifest).encode())
    return work / "nodes.tar"


def store_nodes(store: Path, layers: Sequence[Path], mirror: str) -> str:
    """Write the images' metadata into Docker's store; return the commands that unpack their layers.

    `docker load` in an emulated machine takes two minutes for what are seconds of the host's. The
    files are those of Docker's daemon/graphdriver/overlay2, layer/filestore.go, image/fs.go and
    reference/store.go; 20.10 and 26 have the same.
    """
    tags, commands = {}, []
    for image in (node_image(layer, mirror) for layer in layers):
        identity = hashlib.sha256(image.config).hexdigest()
        short = image.digest[:26].upper()
        layer_files = store / "image/overlay2/layerdb/sha256" / image.digest
        files = {
            layer_files / "cache-id": image.digest.encode(),
            layer_files / "diff": f"sha256:{image.digest}".encode(),
            layer_files / "size": str(image.layer.stat().st_size).encode(),
            store / "image/overlay2/imagedb/content/sha256" / identity: image.config,
            store / "overlay2" / image.digest / "link": short.encode(),
        }
        for path, content in files.items():
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(content)
        diff = store / "overlay2" / image.digest / "diff"
        diff.mkdir()
        links = store / "overlay2/l"
        links.mkdir(exist_ok=True)
        (links / short).symlink_to(f"../{image.digest}/diff")
        tags[image.tag] = f"sha256:{identity}"
        unpack = ["tar", "--extract", "--numeric-owner", "--xattrs", "--xattrs-include=*"]
        commands.append(shlex.join([*unpack, "--file", str(image.layer), "--directory", str(diff)]))
    repositories = {"Repositories": {"lvs-node": tags}}
    (store / "image/overlay2/repositories.json").write_text(json.dumps(repositories))
    return "\n".join(commands)


def build_certificates(tls: Path) -> None:
    """Make a server's and a client's key and certificate, and forget their authority's key."""
    tls.mkdir(mode=0o700)
    config = tls / "openssl.cnf"
    config.write_text(CERTIFICATES)
    for kind, name in {"ca": "ca", "server": "server-", "client": ""}.items():
        authority = [] if kind == "ca" else ["-CA", "ca.pem", "-CAkey", "ca-key.pem"]
        out = ["ca-key.pem", "ca.pem"] if kind == "ca" else [f"{name}key.pem", f"{name}cert.pem"]
        run(
            f"certificate-{kind}",
            ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256"]
            + ["-nodes", "-keyout", out[0], "-out", out[1], "-days", "3650", *authority]
            + ["-subj", f"/CN=lvs-lab {kind}", "-config", config.name, "-extensions", kind],
            cwd=tls,
        )
    (tls / "ca-key.pem").unlink()
    config.unlink()


def build_vm(work: Path, mirror: str) -> None:
    """Build root/, qemu/ and tls/ in `work`: what `build_disk` makes the virtual machine of."""
    tls, root, newer = work / "tls", work / "root", work / "qemu"
    work.mkdir()
    build_certificates(tls)
    files = VM_FILES | {
        "etc/docker/tls/ca.pem": tls / "ca.pem",
        "etc/docker/tls/cert.pem": tls / "server-cert.pem",
        "etc/docker/tls/key.pem": tls / "server-key.pem",
    }
    kernel = f"linux-image-cloud-{machine().arch}"
    bootstrap(NEWER_SUITE, newer, mirror, [machine().package, kernel], [], variant="extract")
    script = f"""
        set -e
        cd {shlex.quote(str(newer))}
        version=$(ls usr/lib/modules)
        cp -r usr/lib/modules/$version "$1"/lib/modules/
        cp boot/*-$version "$1"/boot/
        rm -r usr/lib/modules boot
        chroot "$1" depmod $version
        chroot "$1" update-initramfs -c -k $version
        ln -s vmlinuz-$version "$1"/boot/newer
    """
    options = [f"--essential-hook={overlay(work / 'initramfs-files.tar', INITRAMFS_FILES)}"]
    options += [f"--customize-hook={overlay(work / 'vm-files.tar', files)}"]
    options += [
        f'--customize-hook=systemctl --quiet --root="$1" {verb} {" ".join(units)}'
        for verb, units in {"enable": VM_ENABLE, "mask": VM_MASK}.items()
    ]
    options += [f"--customize-hook={script}"]
    options += ['--customize-hook=touch "$1"/etc/.updated "$1"/var/.updated']
    bootstrap(VM_SUITE, root, mirror, [*VM_PACKAGES, kernel], options)


def build_disk(work: Path, layers: Sequence[Path], mirror: str) -> None:
    """Make disk.img with the nodes' images, kernels, their initrds, and bin/docker in `work`."""
    unpack = store_nodes(work / "store", layers, mirror)
    script = f"""
        set -e
        chown -R 0:0 store
        {unpack}
        mkdir -p bin root/var/lib
        mv store root/var/lib/docker
        newer=$(readlink root/boot/newer)
        for kernel in root/boot/vmlinuz-*; do
            version=${{kernel#root/boot/vmlinuz-}}
            name={KERNELS[0]}
            [ $newer != vmlinuz-$version ] || name={KERNELS[1]}
            cp $kernel vmlinuz-$name
            cp root/boot/initrd.img-$version initrd-$name.img
        done
        cp root/usr/bin/docker bin/docker
        mke2fs -q -t ext4 -O ^has_journal -m 0 -d root disk.img 24G
        rm -rf --one-file-system root vm-files.tar initramfs-files.tar tls/server-*
        chown -R {OWNER} .
    """
    run("disk", as_root(["sh", "-c", script]), cwd=work)
