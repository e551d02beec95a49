#!/usr/bin/env python3
"""Runs the fuzzing client of Autobahn, a test suite for WebSocket, against a server that echoes.

    python3 tests/conformance/websocket.py                          the example `chat`, and the same behind `serve --proxy`
    python3 tests/conformance/websocket.py ws://127.0.0.1:9001/echo    any server that sends messages back
    python3 tests/conformance/websocket.py URL --cases "1.* 5.*"    some of the cases

The example is target/release/examples/chat and the gateway target/release/tinyhttp; the variables CHAT and TINYHTTP name
others. A gateway of other flags is tested by its URL: start `chat 127.0.0.1:9001` and the gateway before it, and give the URL at
which the gateway has /echo. Behind a gateway the client meets the same server, so the same cases have to pass.

The suite (autobahntestsuite 0.8.2) needs Python 2.7. It is `wstest` in the PATH, or what the variable WSTEST names; otherwise it
is installed from PyPI below target/autobahn, with the interpreter that PYTHON2 names or one that is found: python2.7, pypy, or
pyenv's. Without any of these nothing is tested, and the script says so. The cases of compression (12 and 13) are left out:
neither tungstenite nor this server offers it.

A case passes if Autobahn calls both its behaviour and its close OK, NON-STRICT (an error that is found later than possible) or
INFORMATIONAL. Exit code 1: a case failed.
"""

import argparse
import glob
import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
import time
from contextlib import contextmanager
from pathlib import Path

import processes

ROOT = Path(__file__).resolve().parent.parent.parent
TARGET = Path(os.environ.get("CARGO_TARGET_DIR", ROOT / "target"))
CHAT = os.environ.get("CHAT", TARGET / "release/examples/chat")
PROGRAM = os.environ.get("TINYHTTP", TARGET / "release/tinyhttp")
SUITE = TARGET / "autobahn"
VERSION = "0.8.2"
PASSED = ("OK", "NON-STRICT", "INFORMATIONAL")
# Seconds for all cases of one server.
LIMIT = 1800
# Imports the suite from SUITE, whose .pth files count, and starts it.
IMPORT = f"import site, sys; site.addsitedir({str(SUITE)!r}); from autobahntestsuite.wstest import run"
START = f"{IMPORT}; sys.argv[0] = 'wstest'; run()"


def runs(*command):
    """Whether a program runs to its end without an error."""
    try:
        return subprocess.run(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, check=False).returncode == 0
    except OSError:
        return False


def interpreters():
    """Interpreters of Python 2.7 that may be here."""
    yield os.environ.get("PYTHON2")
    for name in ("python2.7", "pypy", "pypy2.7", "python2"):
        yield shutil.which(name)
    yield from glob.glob(os.path.expanduser("~/.pyenv/versions/2.7*/bin/python"))


def suite():
    """The command that starts the suite; `None` if it can't be had."""
    if program := os.environ.get("WSTEST") or shutil.which("wstest"):
        return [program]
    is_2_7 = "import sys; sys.exit(sys.version_info[:2] != (2, 7))"
    python = next((found for found in interpreters() if found and runs(found, "-c", is_2_7)), None)
    if not python:
        print("skipped: Autobahn's test suite is not here (WSTEST), nor Python 2.7 to install it with (PYTHON2)")
        return None
    if not runs(python, "-W", "ignore", "-c", IMPORT):
        print(f"installing autobahntestsuite {VERSION} below {SUITE}", flush=True)
        if not runs(python, "-m", "pip", "install", "--target", str(SUITE), f"autobahntestsuite=={VERSION}"):
            print(f"skipped: {python} can't install autobahntestsuite {VERSION}")
            return None
    return [python, "-W", "ignore", "-c", START]


@contextmanager
def started(*command):
    """A server that says where it listens, and ends with the block: its port."""
    with tempfile.TemporaryFile() as log:
        server = processes.spawn(command, stdout=subprocess.PIPE, stderr=log)
        try:
            for line in server.stdout:
                if found := re.search(rb"http://127\.0\.0\.1:(\d+)", line):
                    yield int(found.group(1))
                    break
            else:
                log.seek(0)
                sys.exit(f"{command[0]} did not start: {log.read().decode(errors='replace')}")
            if server.poll() is not None:
                sys.exit(f"{command[0]} ended with {server.returncode} while it was tested")
        finally:
            processes.kill(server)


def run(command, servers, cases):
    """Runs the suite against the servers, URLs by name: the number of cases, and those that failed."""
    with tempfile.TemporaryDirectory(prefix="tinyhttp-websocket-") as name:
        folder = Path(name)
        spec = {"outdir": str(folder / "report"), "cases": cases, "exclude-cases": ["12.*", "13.*"], "exclude-agent-cases": {},
                "servers": [{"agent": agent, "url": url} for agent, url in servers.items()]}
        (folder / "spec.json").write_text(json.dumps(spec))
        with open(folder / "log", "wb") as log:
            subprocess.run([*command, "-m", "fuzzingclient", "-s", str(folder / "spec.json")], cwd=folder,
                           stdin=subprocess.DEVNULL, stdout=log, stderr=log, timeout=LIMIT * len(servers), check=False)
        index = folder / "report/index.json"
        if not index.exists():
            sys.exit(f"the suite ended without a report: {(folder / 'log').read_text(errors='replace')[-2000:]}")
        report = json.loads(index.read_text())
    failed = []
    for agent in servers:
        results = report.get(agent, {})
        if not results:
            failed.append(f"{agent}: no case was run")
        for case, result in sorted(results.items(), key=lambda item: [int(part) for part in item[0].split(".")]):
            if result["behavior"] not in PASSED or result["behaviorClose"] not in PASSED:
                failed.append(f"{agent}: {case}: {result['behavior']}, its close {result['behaviorClose']} "
                              f"(code {result['remoteCloseCode']}, {result['duration']} ms)")
    return sum(len(results) for results in report.values()), failed


def main():
    parser = argparse.ArgumentParser(description="The fuzzing client of Autobahn against a server that echoes.")
    parser.add_argument("url", nargs="?", help="where the server echoes; the example chat and a gateway before it unless given")
    parser.add_argument("--cases", default="*", help="patterns of cases, such as \"1.* 5.*\"")
    options = parser.parse_args()
    if not (command := suite()):
        return
    cases, since = options.cases.split(), time.monotonic()
    if options.url:
        count, failed = run(command, {"server": options.url}, cases)
    else:
        with tempfile.TemporaryDirectory() as site, started(CHAT, "127.0.0.1:0") as chat, \
                started(PROGRAM, "serve", site, "-p", "0", "--proxy", f"/=http://127.0.0.1:{chat}") as gateway:
            urls = {"chat": f"ws://127.0.0.1:{chat}/echo", "gateway": f"ws://127.0.0.1:{gateway}/echo"}
            count, failed = run(command, urls, cases)
    print("\n".join([*failed, f"WebSocket: {count} cases, {len(failed)} failed, in {time.monotonic() - since:.0f} s"]))
    sys.exit(bool(failed))


if __name__ == "__main__":
    processes.end_on_signals()
    main()
