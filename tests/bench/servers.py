#!/usr/bin/env python3
"""`make bench`: tinyhttp beside its peers, in one run, as Markdown tables.

Machines and moments differ, so no figure here means much alone. In each round every program has its turn, one after the
other, and what counts is the ratio to nginx in the same round; the tables give medians over the rounds.

    make bench                                everything, about five minutes
    make bench ONLY="hot close" ROUNDS=3      some of it, in fewer rounds
    make bench ONLY=tls                       all of HTTPS, with one certificate (ECDSA P-256), about four minutes
    make bench ONLY=gateway                   all of the reverse proxy and FastCGI, about four minutes

- CPU is the user and system time of all of a server's processes, divided by the answers. It is the steadiest figure
  where client and server share the cores, as they do here.
- p50 and p99 are latencies of a server under full load: wrk asks again as soon as it has an answer.
- Memory is the proportional set size after the load, without what the kernel keeps for sockets.
- wrk resumes TLS sessions whenever the server lets it, so that its connections say nothing about full handshakes, and a small
  request over TLS costs it more than it costs the servers. crates/server/examples/https_load.rs takes its place there. A
  handshake of the other kind counts as a failure.
- `canned` is the limit: the same threads, poller and sockets, and nothing parsed or looked up
  (crates/server/examples/canned.rs).

The last table compares what was measured with the goals.
"""

import os
import pathlib
import random
import statistics
import sys
import tempfile
import time
from contextlib import ExitStack

from gateway import GOALS as GATEWAY_GOALS
from gateway import KEYS as GATEWAY_KEYS
from gateway import gateway
from load import Load, https_load, wrk
from programs import (SERVERS, DoesNotAnswer, Server, all_descriptors, ask, end_on_signals, installed, machine,
                      make_certificate)
from tables import heading, print_goals, print_table, rounds, seconds, size

ROUNDS = int(os.environ.get("ROUNDS") or 5)
SECONDS = int(os.environ.get("SECONDS") or 1)
ONLY = os.environ.get("ONLY", "").replace(",", " ").split()
IDLE = 8000
#: Each costs this program a TLS connection of OpenSSL, and a full handshake.
TLS_IDLE = 1000
FILES = 10_000
LARGE = 100 * 1024 * 1024
#: The scheduler puts processes on cores by what they have done lately, and waking one on another core takes 30 µs here. So much
#: later, it has forgotten how the idle connections were made.
SETTLE = 2


LOADS = {
    "hot": Load("1 KiB file, hot, 64 connections", "/1k.bin", canned=True),
    "random": Load("10,000 files of 1 KiB at random, 64 connections", "/many/0000.bin", script="random"),
    "100k": Load("100 KiB file, 64 connections", "/100k.bin", options={"nginx": ("nginx + nopush-off",)}),
    "100m": Load("100 MiB file, 4 connections", "/100m.bin", connections=4, size=LARGE),
    "close": Load("1 KiB file, a new connection per request, 64 at a time", "/1k.bin", fields=("Connection: close",)),
    "gzip": Load("100 KiB of HTML, compressed on the fly, 64 connections", "/page.html",
                 fields=("Accept-Encoding: gzip",), expect=("Content-Encoding", "gzip")),
    "log": Load("1 KiB file with the access log on and off, 64 connections", "/1k.bin",
                only=("tinyhttp", "nginx"), options={"tinyhttp": ("tinyhttp + log",), "nginx": ("nginx + log",)}),
    "tls-hot": Load("HTTPS: 1 KiB file, 64 connections", "/1k.bin", secured=True, https=("kept", "1.3")),
    "tls-full": Load("HTTPS: a full handshake (TLS 1.3) per request for 1 KiB, 64 at a time", "/1k.bin", secured=True,
                     https=("full", "1.3")),
    "tls-full12": Load("HTTPS: a full handshake (TLS 1.2) per request for 1 KiB, 64 at a time", "/1k.bin", secured=True,
                       https=("full", "1.2")),
    "tls-resumed": Load("HTTPS: a resumed handshake (TLS 1.3) per request for 1 KiB, 64 at a time", "/1k.bin",
                        secured=True, https=("resumed", "1.3")),
    "tls-resumed12": Load("HTTPS: a resumed handshake (TLS 1.2) per request for 1 KiB, 64 at a time", "/1k.bin",
                          secured=True, https=("resumed", "1.2")),
    "tls-100k": Load("HTTPS: 100 KiB file, 64 connections", "/100k.bin", secured=True),
    "tls-1m": Load("HTTPS: 1 MiB file, 16 connections", "/1m.bin", connections=16, secured=True),
    "listing": Load("Listing of 10,000 entries, 1 connection", "/listing/", connections=1),
}

# Workload, whose figure, which one, divided by whose (or not at all), the goal.
GOALS = [
    ("hot", "tinyhttp", "cpu", "nginx", "≤ 0.70"),
    ("hot", "tinyhttp", "cpu", "canned", "≤ 1.08"),
    ("hot", "tinyhttp", "rate", "nginx", "≥ 1.30"),
    ("hot", "tinyhttp", "p99", "nginx", "≤ 0.50"),
    ("random", "tinyhttp", "cpu", "nginx", "≤ 0.72"),
    ("100k", "tinyhttp", "cpu", "nginx", "≤ 0.60"),
    ("100k", "tinyhttp", "rate", "nginx", "≥ 1.35"),
    ("100m", "tinyhttp", "cpu", "nginx", "≤ 1.00"),
    ("100m", "tinyhttp", "rate", "nginx", "≥ 1.30"),
    ("close", "tinyhttp", "cpu", "nginx", "≤ 0.75"),
    ("close", "tinyhttp", "rate", "nginx", "≥ 1.20"),
    ("gzip", "tinyhttp", "rate", "nginx", "≥ 20.0"),
    ("log", "tinyhttp + log", "cpu", "tinyhttp", "≤ 1.05"),
    ("listing", "tinyhttp", "p50", "nginx", "≤ 1.00"),
    ("tls-hot", "tinyhttp + tls", "cpu", "nginx + tls", "≤ 0.75"),
    ("tls-hot", "tinyhttp + tls", "rate", "nginx + tls", "≥ 1.30"),
    ("tls-full", "tinyhttp + tls", "cpu", "nginx + tls", "≤ 0.80"),
    ("tls-full", "tinyhttp + tls", "rate", "nginx + tls", "≥ 1.20"),
    ("tls-full12", "tinyhttp + tls", "cpu", "nginx + tls", "≤ 0.80"),
    ("tls-full12", "tinyhttp + tls", "rate", "nginx + tls", "≥ 1.20"),
    ("tls-resumed", "tinyhttp + tls", "cpu", "nginx + tls", "≤ 0.70"),
    ("tls-resumed12", "tinyhttp + tls", "cpu", "nginx + tls", "≤ 0.70"),
    ("tls-100k", "tinyhttp + tls", "cpu", "nginx + tls", "≤ 0.70"),
    ("tls-100k", "tinyhttp + tls", "cpu", "h2o + tls", "≤ 1.00"),
    ("tls-1m", "tinyhttp + tls", "cpu", "nginx + tls", "≤ 0.70"),
    ("tls-1m", "tinyhttp + tls", "cpu", "h2o + tls", "≤ 1.00"),
    ("tls-idle", "tinyhttp + tls", "each", None, "≤ 6144"),
    ("idle", "tinyhttp", "each", None, "≤ 450"),
    ("idle", "tinyhttp", "fresh", None, "≤ 1.10"),
    ("start", "tinyhttp", "ms", None, "≤ 5"),
    *GATEWAY_GOALS,
]


def main():
    end_on_signals()
    descriptors = all_descriptors()
    everything = [*LOADS, "tls-idle", "idle", "start", *GATEWAY_KEYS]
    groups = ("tls", "gateway")
    if unknown := set(ONLY) - {*everything, *groups}:
        sys.exit(f"ONLY takes some of: {' '.join(groups)} {' '.join(everything)}; not {' '.join(unknown)}")
    asked = [key for key in everything
             if key in ONLY or any(group in ONLY and key.startswith(f"{group}-") for group in groups)]
    chosen = asked or everything
    if any(key.startswith("tls-") for key in chosen) and not installed("openssl"):
        print("\nLeft out: HTTPS, because openssl is not installed.")
        chosen = [key for key in chosen if not key.startswith("tls-")]
    if not installed("wrk"):
        sys.exit("make bench needs wrk: please install it")
    print(f"{ROUNDS} rounds of {SECONDS} s on {machine()}.", flush=True)
    results = {}
    with tempfile.TemporaryDirectory(prefix="tinyhttp-bench-") as folder:
        site = pathlib.Path(folder) / "site"
        make_site(site)
        if any(key.startswith("tls-") for key in chosen):
            make_certificate(folder)
        at_gateways = [key for key in chosen if key in GATEWAY_KEYS]
        others = [key for key in chosen if key not in GATEWAY_KEYS]
        names = [name for name in SERVERS if takes_part(name, site)] if others else []
        for key in others:
            if key == "idle":
                results[key] = idle(unsecured(names), site, min(IDLE, descriptors - 500))
            elif key == "tls-idle":
                results[key] = idle(secured(names, site), site, min(TLS_IDLE, descriptors - 500))
            elif key == "start":
                results[key] = start(unsecured(names), site)
            else:
                results[key] = load(names, site, LOADS[key])
        if at_gateways:
            results |= gateway(at_gateways, site, ROUNDS, SECONDS)
    print_goals(GOALS, results)


def takes_part(name, site):
    """Whether a program is installed and starts with its configuration here."""
    if not installed(SERVERS[name.partition(" + ")[0]][0][0]):
        return False
    try:
        with Server(name, site):
            return True
    except DoesNotAnswer as error:
        print(f"\nLeft out: {error}")
        return False


def make_site(site):
    """What is asked for. Random bytes, since some would compress zeros; HTML of random words, which compresses as text
    does."""
    dice = random.Random(1)
    site.mkdir()
    (site / "1k.bin").write_bytes(dice.randbytes(1024))
    (site / "100k.bin").write_bytes(dice.randbytes(100 * 1024))
    (site / "1m.bin").write_bytes(dice.randbytes(1024 * 1024))
    (site / "100m.bin").write_bytes(dice.randbytes(1024 * 1024) * 100)
    (site / "many").mkdir()
    for number in range(FILES):
        (site / "many" / f"{number:04}.bin").write_bytes(dice.randbytes(1024))
    (site / "listing").mkdir()
    for number in range(FILES):
        (site / "listing" / f"entry-{number:05}.txt").touch()
    words = ["".join(dice.choices("etaoinshrdlucmfwypvbgkqjxz", range(26, 0, -1), k=dice.randint(2, 9)))
             for _ in range(3000)]
    paragraphs = [f"<p class=\"text\">{' '.join(dice.choices(words, k=60))}.</p>\n" for _ in range(400)]
    page = "<!doctype html>\n<title>A page</title>\n" + "".join(paragraphs)
    (site / "page.html").write_text(page[:100 * 1024])


def load(names, site, what):
    """One workload: every program that does it, in turn, round after round."""
    heading(what.title)
    names = [name for name in names if name in (what.only or names) and (name != "canned" or what.canned)]
    names = [with_option for name in names for with_option in (name, *what.options.get(name, ()))]
    names = secured(names, site) if what.secured else unsecured(names)
    base = "nginx + tls" if what.secured else "nginx"
    left_out, failures = {}, {}
    with ExitStack() as stack:
        servers = {}
        for name in names:
            server = stack.enter_context(Server(name, site))
            if reason := why_not(server, what):
                left_out[name] = reason
            else:
                servers[name] = server

        def measure(name):
            measured = https_load if what.https else wrk
            figures, failed = measured(servers[name], what, SECONDS)
            failures[name] = failures.get(name, 0) + failed
            return figures

        results = rounds(list(servers), measure, ROUNDS)
    print_table(results, [
        ("downloads/s" if what.size else "req/s", "rate", "{:,.1f}" if what.size else "{:,.0f}"),
        ("CPU/download" if what.size else "CPU/request", "cpu", seconds),
        ("p50", "p50", seconds), ("p99", "p99", seconds), ("memory", "memory", size),
    ], [("rate", "rate", base), ("CPU", "cpu", base), ("p99", "p99", base)])
    for name, reason in left_out.items():
        print(f"\nLeft out: {name}, which {reason}.")
    for name, failed in failures.items():
        if failed:
            print(f"\nNot every answer came: {name} failed {failed} times.")
    return results


def secured(names, site):
    """Those that speak HTTPS."""
    names = [f"{name} + tls" for name in names if name in ("tinyhttp", "nginx", "h2o", "lighttpd", "haproxy")]
    return [name for name in names if takes_part(name, site)]


def unsecured(names):
    """Those that serve files over HTTP. HAProxy serves none; its HTTP is measured as a gateway."""
    return [name for name in names if name != "haproxy"]


def why_not(server, what):
    """Asks once, and says what is wrong with the answer, if anything."""
    fields = dict(line.split(": ") for line in what.fields)
    status, answered, content = server.get(what.path, **fields)
    if status != 200:
        return f"answers {status}"
    if what.expect and answered.get(what.expect[0]) != what.expect[1]:
        return f"sends no {': '.join(what.expect)}"
    if what.path == "/listing/" and content.count(b"entry-") < FILES:
        return "does not list all"
    return None


def idle(names, site, connections):
    """What an idle connection costs: memory, and time of the busy ones."""
    heading(f"{connections:,} idle keep-alive connections" + (" over HTTPS" if names[0].endswith(" + tls") else ""))

    def fresh(server):
        times = []
        for _ in range(50 if server.is_secured else 300):
            before = time.perf_counter()
            with server.connect() as connection:
                ask(connection)
            times.append(time.perf_counter() - before)
        return statistics.median(times)

    def measure(name):
        with Server(name, site) as server, ExitStack() as stack:
            time.sleep(SETTLE)
            alone, before = fresh(server), server.memory()
            for _ in range(connections):
                ask(stack.enter_context(server.connect()))
            time.sleep(SETTLE)
            after, among = server.memory(), fresh(server)
        return {"each": (after - before) / connections, "memory": after, "alone": alone, "among": among,
                "fresh": among / alone}

    results = rounds([name for name in names if name != "canned"], measure, min(ROUNDS, 3))
    print_table(results, [
        ("memory for each", "each", "{:,.0f} B"), ("memory in all", "memory", size),
        ("a fresh request without them", "alone", seconds), ("with them", "among", seconds),
        ("ratio", "fresh", "{:.2f}"),
    ])
    return results


def start(names, site):
    """From exec to the whole of the first answer."""
    heading("Exec to first answer")

    def measure(name):
        with Server(name, site) as server:
            return {"ms": server.started_in * 1e3, "memory": server.memory()}

    results = rounds(names, measure, ROUNDS * 4)
    print_table(results, [("time", "ms", "{:.1f} ms"), ("memory", "memory", size)], [("time", "ms", "nginx")])
    return results


if __name__ == "__main__":
    main()
