"""Real application servers behind `tinyhttp serve`: cases of requests and responses, each with every server.

    python3 tests/conformance/gateways                    all servers, all cases
    python3 tests/conformance/gateways Node Tomcat        some servers
    python3 tests/conformance/gateways --cases "paths url" some cases

Each server runs a small application, below / and, where the path in front of it can be cut off or named, below /cut/ as well.
The program is target/release/tinyhttp, or what the variable TINYHTTP names. Servers in Python are installed from PyPI below
target/peers, the package ws for Node from npm; Apache httpd, Tomcat, uWSGI and Node are those of the system
(`make conformance-tools`). A server that can't be installed is left out, and the script says so. Exit code 1: a case failed.
"""

import argparse
import os
import re
import subprocess
import sys
import tempfile
import time
from contextlib import contextmanager
from pathlib import Path

HERE = Path(__file__).resolve().parent
sys.path[:0] = [str(HERE), str(HERE.parent)]
import cases  # noqa: E402
import peers  # noqa: E402
import processes  # noqa: E402
from restart import restart  # noqa: E402

# Characters of each log that are shown after a failure.
LOGGED = 3000
PROGRAM = os.environ.get("TINYHTTP", peers.TARGET / "release/tinyhttp")


@contextmanager
def serving(folder, flags):
    """`tinyhttp serve` with these flags: its address."""
    with open(folder / "tinyhttp.log", "ab") as log:
        flags = ["-p", "0", "-v", "--proxy-timeout", cases.LONG, *flags]
        server = processes.spawn([PROGRAM, "serve", folder / "site", *flags], stdout=subprocess.PIPE, stderr=log)
    try:
        for line in server.stdout:
            if found := re.search(rb"http://127\.0\.0\.1:(\d+)", line):
                yield "127.0.0.1", int(found.group(1))
                break
        else:
            sys.exit(f"{PROGRAM} did not start: {(folder / 'tinyhttp.log').read_text(errors='replace')}")
        if server.poll() is not None:
            sys.exit(f"{PROGRAM} ended with {server.returncode} while it was tested")
    finally:
        processes.kill(server)


def bases(peer):
    """The paths below which the application is served. That of a server on a Unix socket can't be cut off."""
    has_cut = peer.flag != "--proxy" or not peer.is_unix
    return ["/", "/cut/"] if has_cut else ["/"]


def route(peer, base, targets):
    """The flags for a server below a path."""
    if base == "/" or peer.flag != "--proxy":
        trust = ["--proxy-trust", "127.0.0.1"] if peer.front else []
        return [peer.flag, f"{base.rstrip('/') or '/'}={','.join(targets)}", *trust]
    cut = ",".join(f"http://{target}/" for target in targets)
    return [peer.flag, f"{base}={cut}", "--proxy-header", f"X-Forwarded-Prefix: {base.rstrip('/')}"]


@contextmanager
def fronted(peer, folder, address):
    """The proxy in front of tinyhttp, if there is one: the address for clients."""
    if not peer.front:
        yield address
        return
    process, front = peer.front(folder / "front", f"{address[0]}:{address[1]}")
    try:
        yield front
    finally:
        process.stop()


def check(peer, folder, chosen):
    """Runs the cases with a server: how many there were, and what failed."""
    count, failed = 0, []

    def run(name, case, *arguments):
        nonlocal count
        count += 1
        try:
            case(*arguments)
        except Exception as error:  # noqa: BLE001: any failure is the case's
            failed.append(name)
            print(f"{peer.name}: {name}: {type(error).__name__}: {error}", flush=True)

    def tail(name):
        return (folder / name).read_text(errors="replace")[-LOGGED:]

    for name in ("site", "gates"):
        (folder / name).mkdir()
    folder.chmod(0o755)
    (folder / "gates").chmod(0o777)
    servers = [(folder / name, peer.where(folder / name)) for name in ("first", "second")]
    running = [peer.start(*servers[0])]
    try:
        for base in bases(peer):
            with serving(folder, route(peer, base, [servers[0][1]])) as address, fronted(peer, folder, address) as address:
                site = cases.Site(address, base, str(folder / "gates"), peer)
                for case in cases.ALL:
                    name = case.__name__
                    if (not chosen or name in chosen) and not {name, f"{name} {base}"} & peer.lacks:
                        run(f"{name} {base}", case, site)
        if (not chosen or "restart" in chosen) and "restart" not in peer.lacks:
            running.append(peer.start(*servers[1]))
            with serving(folder, route(peer, "/", [where for _, where in servers])) as address:
                def steps(number):
                    return (lambda: running[number].stop(),
                            lambda: running.__setitem__(number, peer.start(*servers[number])))
                run("restart", restart, address, [steps(1), steps(0)])
        if failed:
            for name in ("tinyhttp.log", "first/log"):
                print(f"the end of {name}:\n{tail(name)}", flush=True)
    finally:
        for process in running:
            process.stop()
    return count, failed


def main():
    parser = argparse.ArgumentParser(description="Application servers behind tinyhttp serve.")
    parser.add_argument("servers", nargs="*", help="names of servers; all unless given")
    parser.add_argument("--cases", default="", help='names of cases, such as "paths url"')
    options = parser.parse_args()
    processes.end_on_signals()
    named = [peer for peer in peers.ALL if not options.servers or any(name in peer.name for name in options.servers)]
    total, failures = 0, 0
    for peer in named:
        since = time.monotonic()
        with tempfile.TemporaryDirectory(prefix="tinyhttp-gateways-") as name:
            try:
                count, failed = check(peer, Path(name), options.cases.split())
            except peers.Missing as error:
                print(f"skipped: {peer.name}: {error}", flush=True)
                continue
        print(f"{peer.name:20} {count} cases, {len(failed)} failed, in {time.monotonic() - since:.0f} s", flush=True)
        total, failures = total + count, failures + len(failed)
    print(f"Gateways: {total} cases, {failures} failed")
    sys.exit(bool(failures))


if __name__ == "__main__":
    main()
