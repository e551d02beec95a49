#!/usr/bin/env python3
"""Runs the tests of curl's own suite whose options `get` has, from a checkout of curl, against `tinyhttp get`.

    python3 tests/conformance/curl.py CHECKOUT [TEST…]

It needs cmake, a C compiler, perl and curl. The checkout is only read; everything is built below target/curl. The variable
TINYHTTP names another program than target/release/tinyhttp. What is expected is changed where `get` differs from curl by
intention: it sends no Proxy-Connection, asks for a digest of what it downloads, calls itself tinyhttp, writes cookies to a
file in the order in which they were set and without a word on libcurl, and calls an incomplete file FILE.part.

The tests that fail for a reason are in curl-misses, a number and the reason on each line. Other failures, and tests in that
list that pass, are named at the end; a failure without a reason is exit code 1.
"""

import os
import re
import shlex
import shutil
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent.parent
PROGRAM = Path(os.environ.get("TINYHTTP", ROOT / "target/release/tinyhttp"))
WORK = ROOT / "target/curl"
MISSES = Path(__file__).resolve().parent / "curl-misses"
VERSION = "8.99.0-DEV"
# Flags of get that its help does not show.
HIDDEN = "no-buffer disable basic retry-connrefused tcp-nodelay tlsv1 data-ascii oauth2-bearer netrc-optional".split()
SERVERS = set("http https http-ipv6 http-unix http-proxy none gopher gopher-ipv6 socks5".split())
SCHEMES = re.compile(r"\b(ftps?|file|smtps?|imaps?|pop3s?|ldaps?|dict|telnet|tftp|rtsp|scp|sftp|smb|mqtt|wss?)://")
# Seconds for one run of the program, and for 60 tests.
RUN, CHUNK = 40, 600


def as_curl(arguments):
    """What the runner calls for curl: `get`, without the flags that the runner adds for itself."""
    program = os.environ["TINYHTTP"]
    if "--version" in arguments or "-V" in arguments:
        print(f"curl {VERSION} (x86_64-pc-linux-gnu) libcurl/{VERSION}")
        print("Protocols: gopher http https")
        print("Features: brotli HTTPS-proxy IDN IPv6 Largefile libz PSL SSL UnixSockets zstd")
        return 0
    if arguments == ["-M"]:
        print("built-in manual was disabled at build-time")
        return 0
    given, rest, files = ["-H", "Want-Repr-Digest:"], iter(arguments), []
    for argument in rest:
        if argument in ("--trace", "--trace-ascii"):
            next(rest)
        elif argument == "--output":
            files.append(next(rest))
            given += [argument, files[-1]]
        elif argument != "--trace-time":
            given.append(argument)
    os.environ.setdefault("TINYHTTP_USER_AGENT", f"curl/{VERSION}")
    try:
        code = subprocess.run([program, "get", *given], timeout=RUN).returncode
    except subprocess.TimeoutExpired:
        code = 124
    for file in files:
        if not os.path.exists(file) and os.path.exists(file + ".part"):
            os.rename(file + ".part", file)
    return code


def options():
    """The long and short flags of get, and whether each takes a value."""
    text = subprocess.run([PROGRAM, "get", "--help"], capture_output=True, text=True, check=True).stdout
    flags = {name: False for name in HIDDEN} | {letter: False for letter in "Nq1"}
    flags |= {"data-ascii": True, "oauth2-bearer": True}
    for letter, name, value in re.findall(r"^ +(?:-(.), )?--([a-z0-9.-]+)( <)?", text, re.M):
        flags[name] = bool(value)
        if letter:
            flags[letter] = bool(value)
    for aliases in re.findall(r"\[alias(?:es)?: ([^]]*)\]", text):
        flags |= {name: False for name in re.findall(r"--([a-z0-9.-]+)", aliases)}
    return flags


def is_meant(text, flags):
    """Whether a test is one of the tool's, over HTTP, with no other options than these."""
    command = re.search(r"<command([^>]*)>\n?(.*?)</command>", text, re.S)
    servers = re.search(r"<server>(.*?)</server>", text, re.S)
    if not command or "<tool>" in text or "type=" in command[1] or "\nunittest" in text:
        return False
    if servers and not set(servers[1].split()) <= SERVERS or SCHEMES.search(command[2]):
        return False
    try:
        words = iter(shlex.split(command[2].replace("%if", "").replace("%endif", "")))
    except ValueError:
        return False
    for word in words:
        if word.startswith("--") and len(word) > 2:
            if word[2:] not in flags:
                return False
            flags[word[2:]] and next(words, None)
        elif word.startswith("-") and len(word) > 1:
            for place, letter in enumerate(word[1:], 2):
                if letter not in flags:
                    return False
                if flags[letter]:
                    place == len(word) and next(words, None)
                    break
    return True


def prepare(checkout):
    """Builds the runner's servers, and copies its tests."""
    build = WORK / "build"
    build.mkdir(parents=True, exist_ok=True)
    quiet = {"stdout": subprocess.DEVNULL, "check": True}
    if not (build / "tests/server/servers").exists():
        off = "CURL_USE_LIBPSL USE_NGHTTP2 CURL_USE_LIBSSH2 USE_LIBIDN2 CURL_BROTLI CURL_ZSTD BUILD_LIBCURL_DOCS"
        off += " ENABLE_CURL_MANUAL BUILD_MISC_DOCS"
        subprocess.run(["cmake", checkout, *(f"-D{name}=OFF" for name in off.split())], cwd=build, **quiet)
        subprocess.run(["make", "servers", "curlinfo"], cwd=build, **quiet)
    copy = WORK / "source"
    shutil.rmtree(copy, ignore_errors=True)
    shutil.copytree(checkout, copy, ignore=shutil.ignore_patterns(".git"), symlinks=True)
    for test in (copy / "tests/data").glob("test*[0-9]"):
        text = test.read_bytes()
        for line in (rb"^Proxy-Connection: Keep-Alive\r?\n", rb"^# https://curl.se/docs/http-cookies.html\r?\n",
                     rb"^# This file was generated by libcurl!.*\r?\n\r?\n"):
            text = re.sub(line, b"", text, flags=re.M)
        test.write_bytes(re.sub(rb"(# Netscape HTTP Cookie File\n)((?:.*\t.*\n)+)(</file)", oldest_first, text))
    return build / "tests", copy / "tests"


def oldest_first(jar):
    """The cookies that curl is expected to write, in the order in which they were set: curl's, reversed."""
    return jar[1] + b"".join(reversed(jar[2].splitlines(keepends=True))) + jar[3]


def intended():
    """The tests that fail for a reason."""
    lines = MISSES.read_text().splitlines()
    return {line.split()[0] for line in lines if line and not line.startswith("#")}


def main(checkout, numbers):
    build, tests = prepare(Path(checkout).resolve())
    flags = options()
    files = sorted((tests / "data").glob("test*[0-9]"), key=lambda file: int(file.name[4:]))
    meant = [file.name[4:] for file in files if is_meant(file.read_text("latin-1"), flags)]
    meant = numbers or meant
    # The runner calls this script for curl.
    name = WORK / "curl"
    name.write_text(f"#!/bin/sh\nexec '{sys.executable}' '{Path(__file__).resolve()}' --as-curl \"$@\"\n")
    name.chmod(0o755)
    environment = os.environ | {"TINYHTTP": str(PROGRAM)}
    done, failed, total = 0, [], 0
    for start in range(0, len(meant), 60):
        line = ["timeout", "-k", "5", str(CHUNK), "perl", f"-I{tests}", tests / "runtests.pl", "-n", "-a"]
        line += ["-c", name, "-vc", shutil.which("curl"), *meant[start : start + 60]]
        output = subprocess.run(line, cwd=build, env=environment, capture_output=True).stdout.decode("latin-1")
        (WORK / f"log-{start:04}").write_text(output)
        for good, all_of_them in re.findall(r"^TESTDONE: (\d+) tests out of (\d+)", output, re.M):
            done, total = done + int(good), total + int(all_of_them)
        for list_of_them in re.findall(r"^TESTFAIL: These test cases failed: (.*)$", output, re.M):
            failed += list_of_them.split()
    known = intended()
    unexplained = [test for test in failed if test not in known]
    surprising = [test for test in meant if test in known and test not in failed]
    on_purpose = len(failed) - len(unexplained)
    print(f"{done} of {total} pass, {on_purpose} differ on purpose (curl-misses), {len(unexplained)} unexplained")
    for what, tests in ("unexplained", unexplained), ("in curl-misses, and passed or was skipped", surprising):
        if tests:
            print(f"{what}: {' '.join(tests)}")
    print(f"What each printed is in {WORK}/log-*")
    return 1 if unexplained else 0


if __name__ == "__main__":
    if sys.argv[1:2] == ["--as-curl"]:
        sys.exit(as_curl(sys.argv[2:]))
    if len(sys.argv) < 2:
        sys.exit(__doc__)
    sys.exit(main(sys.argv[1], sys.argv[2:]))
