"""`make bench ONLY=gateway`: tinyhttp beside nginx, HAProxy and h2o, each in front of the same upstream server.

The upstream server (crates/server/examples/upstream.rs) does as little as it can; only what the proxy uses is counted. All
proxies keep connections to it, over HTTP/1.1. "best" is the best of the peers in the same round.
"""

import os
import pathlib
import subprocess
import tempfile
import time
from contextlib import ExitStack, contextmanager

from load import Load, wrk
from programs import CORES, HERE, TARGET, TINYHTTP, DoesNotAnswer, Server, connect, free_port, installed
from tables import heading, print_table, rounds, seconds, size

UPSTREAM = TARGET / "release" / "examples" / "upstream"

#: Connections of each kind whose memory is measured.
MANY = 1000

PROXIES = {
    "tinyhttp": ([str(TINYHTTP), "serve", "@SITE@", "--proxy", "/=http://127.0.0.1:@UPSTREAM@", "-p", "@PORT@", "-q"], None),
    "nginx": (["nginx", "-c", "@CONF@", "-p", "@STATE@", "-e", "@STATE@/error.log"], "gateway.nginx.conf"),
    "haproxy": (["haproxy", "-q", "-f", "@CONF@"], "gateway.haproxy.cfg"),
    "h2o": (["h2o", "-c", "@CONF@"], "gateway.h2o.conf"),
}

#: The paths that PHP serves; everything else is a file.
WITH_PHP = {
    "tinyhttp": ([str(TINYHTTP), "serve", "@SITE@", "--fastcgi", "*.php=unix:@PHP@", "-p", "@PORT@", "-q"], None),
    "nginx": PROXIES["nginx"],
}

LOADS = {
    "gateway-1k": Load("Gateway: 1 KiB, kept connections, 64 clients", "/1k.bin"),
    "gateway-100k": Load("Gateway: 100 KiB, 64 clients", "/100k.bin"),
    "gateway-close": Load("Gateway: 1 KiB, a new connection of the client per request, 64 at a time", "/1k.bin",
                          fields=("Connection: close",)),
    "gateway-slow": Load("Gateway: an upstream server that takes 50 ms, 2,000 clients", "/slow", connections=2000),
}

KEYS = [*LOADS, "gateway-tunnels", "gateway-streams", "gateway-fastcgi"]

GOALS = [
    ("gateway-1k", "tinyhttp", "cpu", "best", "≤ 0.75"),
    ("gateway-1k", "tinyhttp", "rate", "best", "≥ 1.25"),
    ("gateway-100k", "tinyhttp", "cpu", "best", "≤ 0.80"),
    ("gateway-close", "tinyhttp", "cpu", "best", "≤ 0.75"),
    ("gateway-slow", "tinyhttp", "cpu", "best", "≤ 0.70"),
    ("gateway-tunnels", "tinyhttp", "each", None, "≤ 1500"),
    ("gateway-streams", "tinyhttp", "each", None, "≤ 1500"),
    ("gateway-fastcgi", "tinyhttp", "cpu", "nginx", "≤ 0.80"),
]


class Proxy(Server):
    """A proxy in front of the upstream server at a port."""

    def __init__(self, name, site, upstream, php=None):
        super().__init__(name, site, programs=WITH_PHP if php else PROXIES, options=["php"] if php else [],
                         names={"UPSTREAM": str(upstream), "PHP": php or ""})

    def threads(self):
        return sum(int(fields[17]) for _, fields in self.processes())


@contextmanager
def upstream_server():
    """Runs the upstream server, and yields its port. It ends with its standard input, whatever becomes of this program."""
    port = free_port()
    with subprocess.Popen([str(UPSTREAM), str(port)], stdin=subprocess.PIPE, start_new_session=True) as process:
        try:
            deadline = time.monotonic() + 10
            while time.monotonic() < deadline:
                try:
                    connect(port).close()
                    break
                except OSError:
                    time.sleep(0.01)
            yield port
        finally:
            process.stdin.close()
            process.wait(timeout=10)


def gateway(chosen, site, number, time_each):
    """Measures the chosen rows, and returns the results by row."""
    if not UPSTREAM.exists():
        print(f"\nLeft out: gateways, because {UPSTREAM} is not built: make bench builds it.")
        return {}
    results = {}
    with upstream_server() as port:
        names = [name for name in PROXIES if takes_part(name, site, port)]
        for key in chosen:
            if key in LOADS:
                results[key] = load(names, site, port, LOADS[key], number, time_each)
            elif key == "gateway-fastcgi":
                results[key] = fastcgi(site, port, number, time_each)
            else:
                results[key] = memory(names, site, port, key, min(number, 3))
    return results


def takes_part(name, site, port, php=None):
    """Whether a proxy is installed, and starts with its configuration here."""
    if not installed(PROXIES[name][0][0]):
        print(f"\nLeft out: {name}, which is not installed.")
        return False
    try:
        with Proxy(name, site, port, php):
            return True
    except DoesNotAnswer as error:
        print(f"\nLeft out: {error}")
        return False


def load(names, site, port, what, number, time_each, php=None):
    """One load: every proxy in turn, round after round. `php` are the sockets of PHP-FPM for each proxy."""
    heading(what.title)
    failures = {}
    with ExitStack() as stack:
        proxies = {name: stack.enter_context(Proxy(name, site, port, php and php[name])) for name in names}

        def measure(name):
            figures, failed = wrk(proxies[name], what, time_each)
            failures[name] = failures.get(name, 0) + failed
            return figures | {"threads": proxies[name].threads()}

        # The first connections to the upstream server are not measured.
        for proxy in proxies.values():
            wrk(proxy, what, 1)
        results = rounds(names, measure, number)
    add_best(results)
    print_table(results, [
        ("req/s", "rate", "{:,.0f}"), ("CPU/request", "cpu", seconds), ("p50", "p50", seconds), ("p99", "p99", seconds),
        ("memory", "memory", size), ("threads", "threads", "{:.0f}"),
    ], [("rate", "rate", "best"), ("CPU", "cpu", "best")])
    for name, failed in failures.items():
        if failed:
            print(f"\nNot every answer came: {name} failed {failed} times.")
    return results


def add_best(results):
    """Adds the best of the peers in each round."""
    peers = [figures for name, figures in results.items() if name != "tinyhttp"]
    if not peers:
        return
    best = {"rate": max, "cpu": min, "p50": min, "p99": min, "memory": min, "threads": min}
    results["best"] = {key: [choose(values) for values in zip(*(peer[key] for peer in peers))] for key, choose in best.items()}


def memory(names, site, port, key, number):
    """What a tunnel or an event stream costs that carries nothing."""
    if key == "gateway-tunnels":
        what, path, fields, end = "tunnels", "/tunnel", (
            b"Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n"
            b"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n"), b"\r\n\r\n"
    else:
        what, path, fields, end = "event streams", "/events", b"", b"data: 1"
    heading(f"Gateway: {MANY:,} {what} that are silent")
    request = b"GET " + path.encode() + b" HTTP/1.1\r\nHost: localhost\r\n" + fields + b"\r\n"

    def begin(proxy):
        connection = connect(proxy.port)
        connection.sendall(request)
        answer = b""
        while end not in answer:
            received = connection.recv(8192)
            if not received:
                raise OSError(f"{proxy.name} ended a connection: {answer!r}")
            answer += received
        return connection

    def measure(name):
        with Proxy(name, site, port) as proxy, ExitStack() as stack:
            for _ in range(20):
                stack.enter_context(begin(proxy))
            time.sleep(0.5)
            before = proxy.memory()
            for _ in range(MANY):
                stack.enter_context(begin(proxy))
            time.sleep(0.5)
            after = proxy.memory()
            return {"each": (after - before) / MANY, "memory": after, "threads": proxy.threads()}

    able = []
    for name in names:
        try:
            with Proxy(name, site, port) as proxy, begin(proxy):
                able.append(name)
        except OSError as error:
            print(f"\nLeft out: {error}")
    results = rounds(able, measure, number)
    print_table(results, [("memory for each", "each", "{:,.0f} B"), ("memory in all", "memory", size),
                          ("threads", "threads", "{:.0f}")])
    return results


def fastcgi(site, port, number, time_each):
    """A small PHP page. Each proxy has a PHP-FPM of its own: kept connections keep its processes from the others."""
    program = next((path for name in ("php-fpm", "php-fpm8.2", "php-fpm8.4") if (path := installed(name))), None)
    if not program:
        heading("Gateway: FastCGI to PHP-FPM")
        print("Left out: PHP-FPM is not installed (php-fpm).")
        return {}
    (site / "page.php").write_text("<?php echo str_repeat('x', 1024);\n")
    what = Load(f"Gateway: FastCGI to one PHP-FPM of 4 processes, {CORES * 8} clients", "/page.php", connections=CORES * 8)
    with ExitStack() as stack:
        php = {name: stack.enter_context(php_fpm(program, site)) for name in WITH_PHP}
        names = [name for name in WITH_PHP if takes_part(name, site, port, php[name])]
        names = [name for name in names if runs_php(name, site, port, php[name])]
        return load(names, site, port, what, number, time_each, php) if names else {}


@contextmanager
def php_fpm(program, site):
    """Runs PHP-FPM, and yields the path of its socket."""
    with tempfile.TemporaryDirectory(prefix="php-", dir=site.parent) as state:
        os.chmod(state, 0o755)
        php = f"{state}/php.sock"
        text = (HERE / "peers" / "php-fpm.conf").read_text()
        conf = pathlib.Path(state) / "php-fpm.conf"
        root = ["-R"] if os.geteuid() == 0 else []
        users = "user = root\ngroup = root\n" if root else ""
        conf.write_text(text.replace("@STATE@", state).replace("@PHP@", php) + users)
        with subprocess.Popen([program, "-F", *root, "-y", str(conf)], stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
                              stderr=subprocess.DEVNULL, start_new_session=True) as process:
            try:
                deadline = time.monotonic() + 10
                while not os.path.exists(php) and time.monotonic() < deadline and process.poll() is None:
                    time.sleep(0.02)
                yield php
            finally:
                process.terminate()
                process.wait(timeout=10)


def runs_php(name, site, port, php):
    """Whether a page comes from PHP, and not from the disk."""
    with Proxy(name, site, port, php) as proxy:
        status, _, content = proxy.get("/page.php")
    if (status, content) == (200, b"x" * 1024):
        return True
    print(f"\nLeft out: {name}, which answers {status} with {content[:60]!r} for a page of PHP.")
    return False
