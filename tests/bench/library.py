#!/usr/bin/env python3
"""`make bench-library`: a program with tinyhttp-server beside the same one with other libraries, as Markdown tables.

    make bench-library                              everything, about five minutes when all is built
    make bench-library ONLY="hello echo" ROUNDS=3   some of it, in fewer rounds
    make bench-library ROUNDS=9 SECONDS=3           longer

The programs are crates/server/examples/hello.rs and those in tests/bench/libraries, each as its library's documentation writes it
and with the library's defaults. In each round every program has its turn, one after the other; the tables give medians over the
rounds.

- hello: `hello` as text, over 64 connections.
- echo: JSON of 150 bytes is read into a struct and written again, over 64 connections.
- busy: what an ordinary client notices of 10,000 idle keep-alive connections and 100 requests whose handlers wait: how long 100
  requests take, one after the other, each on a new connection. A library that makes it wait for longer than PATIENCE fails.

CPU is the user and system time of the server's process, divided by the answers.
"""

import os
import pathlib
import socket
import statistics
import sys
import tempfile
import time
from contextlib import ExitStack

from load import Load, wrk
from programs import TARGET, DoesNotAnswer, Server, all_descriptors, ask, connect, end_on_signals, installed, machine
from tables import heading, print_goals, print_table, rounds, seconds, size

ROUNDS = int(os.environ.get("ROUNDS") or 5)
SECONDS = int(os.environ.get("SECONDS") or 1)
ONLY = os.environ.get("ONLY", "").replace(",", " ").split()
LIBRARIES = TARGET / "libraries/release"
PROGRAMS = {
    "tinyhttp-server": ([str(TARGET / "release/examples/hello"), "@PORT@"], None),
    "axum": ([str(LIBRARIES / "with_axum"), "@PORT@"], None),
    "actix-web": ([str(LIBRARIES / "with_actix"), "@PORT@"], None),
    "rouille": ([str(LIBRARIES / "with_rouille"), "@PORT@"], None),
    "tiny_http": ([str(LIBRARIES / "with_tiny_http"), "@PORT@"], None),
}
OTHERS = [name for name in PROGRAMS if name != "tinyhttp-server"]
LOADS = {
    "hello": Load("Hello world, 64 connections", "/"),
    "echo": Load("JSON read and written, 64 connections", "/echo", script="note"),
}
IDLE, WAITING, REQUESTS = 10_000, 100, 100
#: Seconds that a client waits for an answer.
PATIENCE = 5
SLOW = b"GET /slow HTTP/1.1\r\nHost: localhost\r\n\r\n"
GOALS = [
    ("hello", "tinyhttp-server", "cpu", "the best other", "≤ 0.80"),
    ("echo", "tinyhttp-server", "cpu", "the best other", "≤ 0.80"),
    # Answered at once: an idle machine takes a tenth of that, so that a slow or busy one is no failure.
    ("busy", "tinyhttp-server", "p99", None, "≤ 0.02"),
    ("busy", "tinyhttp-server", "failed", None, "≤ 0"),
]


def main():
    end_on_signals()
    descriptors = all_descriptors()
    everything = [*LOADS, "busy"]
    if unknown := set(ONLY) - set(everything):
        sys.exit(f"ONLY takes some of: {' '.join(everything)}; not {' '.join(unknown)}")
    if not installed("wrk"):
        sys.exit("make bench-library needs wrk: please install it")
    print(f"{ROUNDS} rounds of {SECONDS} s on {machine()}.", flush=True)
    results = {}
    with tempfile.TemporaryDirectory(prefix="tinyhttp-library-") as folder:
        site = pathlib.Path(folder) / "site"
        names = [name for name in PROGRAMS if takes_part(name, site)]
        for key in everything:
            if key not in (ONLY or everything):
                continue
            if key == "busy":
                results[key] = busy(names, site, min(IDLE, descriptors - 500))
            else:
                results[key] = load(names, site, LOADS[key])
    print_goals(GOALS, results)


def server(name, site):
    one = Server(name, site, programs=PROGRAMS)
    one.first = (b"", b"/", len("hello\n"))
    return one


def takes_part(name, site):
    """Whether a program was built, and starts."""
    if not installed(PROGRAMS[name][0][0]):
        print(f"\nLeft out: {name}, which is not built.")
        return False
    try:
        with server(name, site):
            return True
    except DoesNotAnswer as error:
        print(f"\nLeft out: {error}")
        return False


def load(names, site, what):
    """One workload: every program in turn, round after round."""
    heading(what.title)
    failures = dict.fromkeys(names, 0)
    with ExitStack() as stack:
        servers = {name: stack.enter_context(server(name, site)) for name in names}

        def measure(name):
            figures, failed = wrk(servers[name], what, SECONDS)
            failures[name] += failed
            return figures

        results = rounds(names, measure, ROUNDS)
    add_best(results)
    print_table({name: results[name] for name in names}, [
        ("req/s", "rate", "{:,.0f}"), ("CPU/request", "cpu", seconds), ("p50", "p50", seconds), ("p99", "p99", seconds),
        ("memory", "memory", size),
    ], [("CPU", "cpu", name) for name in OTHERS if name in results])
    for name, failed in failures.items():
        if failed:
            print(f"\nNot every answer came: {name} failed {failed} times.")
    return results


def add_best(results):
    """Of the other libraries, the one that takes the least time for a request, as a row for the goals."""
    others = [name for name in OTHERS if name in results]
    if others:
        results["the best other"] = min((results[name] for name in others), key=lambda figures: statistics.median(figures["cpu"]))


def busy(names, site, idle):
    """Requests of an ordinary client while many connections are idle, and many handlers wait."""
    heading(f"An ordinary request beside {idle:,} idle connections and {WAITING} handlers that wait")
    ended = set()

    def measure(name):
        with server(name, site) as one, ExitStack() as stack:
            alone = times(one, REQUESTS)[0]
            crowd = begin(stack, one, idle, lambda connection: ask(connection, *one.first))
            waiting = begin(stack, one, WAITING, lambda connection: connection.sendall(SLOW))
            time.sleep(1)
            among, failed = times(one, REQUESTS)
            memory = 0
            if one.process.poll() is None:
                memory = one.memory()
            else:
                ended.add(name)
            return {"alone": statistics.median(alone), "p50": statistics.median(among), "p99": percentile(among, 99),
                    "failed": failed, "idle": crowd, "waiting": waiting, "memory": memory}

    results = rounds(names, measure, min(ROUNDS, 3))
    print_table(results, [
        ("idle", "idle", "{:,.0f}"), ("handlers that wait", "waiting", "{:.0f}"), ("p50 without them", "alone", seconds),
        ("p50", "p50", seconds), ("p99", "p99", seconds), ("failed", "failed", "{:.0f}"), ("memory", "memory", size),
    ])
    for name in sorted(ended):
        print(f"\n{name} ended under the connections.")
    return results


def begin(stack, one, number, act):
    """Opens connections that stay, and acts on each. How many of them, up to the first that fails."""
    for done in range(number):
        try:
            connection = stack.enter_context(connect(one.port))
            connection.settimeout(PATIENCE)
            act(connection)
        except OSError:
            return done
    return number


def times(one, number):
    """How long each of some requests takes on a new connection, and how many failed. The first that fails ends it: a server
    that does not answer now would not in `number` times as long either."""
    taken = []
    for done in range(number):
        since = time.perf_counter()
        try:
            with socket.create_connection(("127.0.0.1", one.port), timeout=PATIENCE) as connection:
                ask(connection, *one.first)
        except OSError:
            return [*taken, PATIENCE], number - done
        taken.append(time.perf_counter() - since)
    return taken, 0


def percentile(values, share):
    return statistics.quantiles(values, n=100, method="inclusive")[share - 1] if len(values) > 1 else values[0]


if __name__ == "__main__":
    main()
