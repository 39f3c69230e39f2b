# Copyright: (c) 2026, lvs.cluster contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Programs of several Debians, unpacked into the cache, and tests with one of them after another.

Nothing is installed: mmdebstrap unpacks the packages, whose signatures it checks by Debian's
archive keyring.
"""

from __future__ import annotations

import contextlib
import functools
import hashlib
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT / "lab"))

import host
import recipe

#: Extracted packages alone lack them, and a program's loader is found through them.
LAYOUT = """
    mkdir -p "$1/proc"
    for directory in bin sbin lib lib64; do
        mkdir -p "$1/usr/$directory"
        ln -s "usr/$directory" "$1/$directory"
    done
"""


def unpacked(
    program: str,
    suites: Mapping[str, str],
    packages: Sequence[str],
    files: Mapping[str, str | Path],
) -> Path:
    """Return the directory with a root directory for each Debian; unpack them if need be.

    :param program: the name of the directory in the cache; those in it are ``PROGRAM-NAME``
    :param suites: of Debian, by the names that the tests give them
    :param packages: what to unpack, with all that it depends on
    :param files: further files, by path
    """
    host.install({"mmdebstrap": "mmdebstrap", str(host.KEYRING): "debian-archive-keyring"})
    mirror = host.debian_mirror()
    made_of = repr((host.machine().arch, mirror, suites, packages, files, LAYOUT))
    place = host.CACHE / f"{program}-{hashlib.sha256(made_of.encode()).hexdigest()[:12]}"
    if place.exists():
        return place
    with host.lock(host.CACHE / f"{program}.lock"):
        if place.exists():  # another process unpacked them while this one waited
            return place
        for old in host.CACHE.glob(f"{program}-*/"):
            host.remove(old)
        with tempfile.TemporaryDirectory(prefix="overlay-", dir=host.CACHE) as beside:
            hooks = [f"--setup-hook={LAYOUT}"]
            hooks += [f"--extract-hook={recipe.overlay(Path(beside) / 'files.tar', files)}"]
            work = Path(tempfile.mkdtemp(prefix=f"{program}-", dir=host.CACHE))
            jobs = {
                f"unpack {program} of {name}": functools.partial(
                    recipe.bootstrap,
                    suite,
                    work / f"{program}-{name}",
                    mirror,
                    packages,
                    hooks,
                    variant="extract",
                )
                for name, suite in suites.items()
            }
            host.in_parallel(jobs)
        work.chmod(0o755)
        work.rename(place)
    return place


def run_tests(folder: Path, names: Iterable[str], arguments: Sequence[str]) -> int:
    """Run the tests of a folder side by side, each with the names of one Debian's tests.

    Their output is shown when they have ended. Line coverage of each run lands in .cache/coverage.
    Return the highest of pytest's exit statuses.
    """
    running = {}
    with contextlib.ExitStack() as stack:
        for name in names:
            output = stack.enter_context(tempfile.TemporaryFile())
            data = f"--data-file={ROOT}/.cache/coverage/{folder.name}-{name}"
            command = [sys.executable, "-m", "coverage", "run", data, "-m", "pytest", str(folder)]
            command += ["-k", name, "-p", "no:cacheprovider", *arguments]
            process = subprocess.Popen(command, cwd=ROOT, stdout=output, stderr=output)
            running[name] = stack.enter_context(process), output
        for name, (process, output) in running.items():
            process.wait()
            print(f"== {folder.relative_to(ROOT)} with {folder.name} of {name}", flush=True)
            output.seek(0)
            shutil.copyfileobj(output, sys.stdout.buffer)
            sys.stdout.flush()
        return max(process.returncode for process, _output in running.values())
