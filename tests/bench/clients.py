#!/usr/bin/env python3
"""`make bench-client`: `tinyhttp get` beside curl and wget, as whole processes, in one run.

A fetch from a shell is a process that starts, asks, writes and ends, and for small files starting is most of it. So what
is measured is from exec to the end, by `wait4`: the time on the clock, and the user and system time that the process has
used. Each round gives every client its turn; the tables give medians.

    make bench-client ROUNDS=200

What is measured is a copy of the program, as `make install` makes one. The file that a linker has just written lies in the
page cache in pieces of a page each, which makes the start of the program a tenth slower, until it is read from the disk
for the first time; curl and wget were installed, too.

The server is nginx where it is installed, so that no client has a relative at the other end. `true` is a process that does
nothing: what starting one costs.
"""

import os
import pathlib
import shutil
import subprocess
import sys
import tempfile
import time

from programs import TINYHTTP, Server, end_on_signals, installed, machine
from tables import heading, print_goals, print_table, rounds, seconds

ROUNDS = int(os.environ.get("ROUNDS") or 200)
LARGE = 100 * 1024 * 1024

# To stdout, and to a file.
CLIENTS = {
    "tinyhttp": ("PROGRAM get URL", "PROGRAM get -s -o FILE URL"),
    "curl": ("curl -sS URL", "curl -sS -o FILE URL"),
    "wget": ("wget -q -O - URL", "wget -q -O FILE URL"),
    "true": ("true", None),
}

GOALS = [
    ("small", "tinyhttp", "wall", "wget", "≤ 0.60"),
    ("small", "tinyhttp", "wall", "curl", "≤ 0.35"),
    ("large", "tinyhttp", "wall", "curl", "≤ 0.85"),
    ("large", "tinyhttp", "cpu", "curl", "≤ 0.60"),
]

# No user's proxy or settings file takes part.
ENVIRONMENT = {"PATH": os.environ.get("PATH", ""), "HOME": "/nonexistent"}


def main():
    end_on_signals()
    print(f"{ROUNDS} rounds on {machine()}.")
    with tempfile.TemporaryDirectory(prefix="tinyhttp-bench-") as folder:
        site = pathlib.Path(folder) / "site"
        site.mkdir()
        (site / "1k.bin").write_bytes(os.urandom(1024))
        (site / "100m.bin").write_bytes(os.urandom(1024 * 1024) * 100)
        program = shutil.copy(TINYHTTP, folder)
        with any_server(site) as server:
            small = {"PROGRAM": program, "URL": server.url("/1k.bin")}
            large = {"PROGRAM": program, "URL": server.url("/100m.bin"), "FILE": f"{folder}/got"}
            results = {
                "small": compare("1 KiB to stdout", small, 0, ROUNDS),
                "large": compare("100 MiB to a file", large, 1, max(ROUNDS // 20, 3)),
            }
    print_goals(GOALS, results)


def any_server(site):
    return Server("nginx" if installed("nginx") else "tinyhttp", site)


def compare(title, words, which, number):
    """One workload: every client that is installed and does it, in turn, round after round."""
    heading(title)
    file = words.get("FILE")
    commands = {}
    for name, kinds in CLIENTS.items():
        command = [words.get(word, word) for word in (kinds[which] or "").split()]
        if not command or not installed(command[0]):
            continue
        command[0] = installed(command[0])
        if name == "true" or fetches(command, file):
            commands[name] = command
        else:
            print(f"Left out: {name}, which does not fetch it: {' '.join(command)}\n")
    results = rounds(list(commands), lambda name: run(commands[name], file), number)
    print_table(results, [("wall", "wall", seconds), ("CPU", "cpu", seconds)],
                [("wall", "wall", "curl"), ("CPU", "cpu", "curl"), ("wall", "wall", "wget"), ("CPU", "cpu", "wget")])
    return results


def fetches(command, file):
    """Whether the client does what is measured, as far as the size of what it has written tells."""
    ran = subprocess.run(command, env=ENVIRONMENT, stdin=subprocess.DEVNULL, capture_output=True, check=False, timeout=60)
    got = os.path.getsize(file) if file and os.path.exists(file) else len(ran.stdout)
    sys.stderr.write(ran.stderr.decode(errors="replace"))
    return ran.returncode == 0 and got == (LARGE if file else 1024)


def run(command, file):
    """Runs a client to its end: what it has used."""
    if file and os.path.exists(file):
        os.remove(file)
    null = [(os.POSIX_SPAWN_OPEN, number, os.devnull, os.O_RDWR, 0) for number in (0, 1)]
    before = time.perf_counter()
    pid = os.posix_spawn(command[0], command, ENVIRONMENT, file_actions=null)
    _, status, used = os.wait4(pid, 0)
    wall = time.perf_counter() - before
    if status != 0:
        sys.exit(f"{' '.join(command)} failed: {status}")
    return {"wall": wall, "cpu": used.ru_utime + used.ru_stime}


if __name__ == "__main__":
    main()
