#!/usr/bin/env python3
"""Runs other people's scanners of TLS servers against `tinyhttp serve --tls-cert`: testssl.sh and sslyze.

    python3 tests/conformance/tls.py

Each one that is not installed is skipped, and says so: `apt-get install testssl.sh`, `pip install sslyze`. What has to hold is
Mozilla's *intermediate* configuration, and no finding of testssl.sh above LOW. The certificate comes from an authority that is
made for the run.
"""

import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import processes

ROOT = Path(__file__).resolve().parent.parent.parent
PROGRAM = Path(os.environ.get("TINYHTTP", ROOT / "target/release/tinyhttp"))
# Seconds for one scanner.
LIMIT = 900
# Findings that are about the certificate of the run, or about what HTTP over TLS 1.2 always has.
ABOUT_THE_RUN = re.compile(r"^(cert_|overall_grade|DNS_CAArecord|OCSP|HSTS|HPKP|banner_|security_headers|"
                           r"cert|scanProblem|engine_problem)")
SEVERE = ("MEDIUM", "HIGH", "CRITICAL")


def openssl(folder, *arguments):
    subprocess.run(["openssl", *arguments], cwd=folder, check=True, stdout=subprocess.DEVNULL,
                   stderr=subprocess.DEVNULL)


def make_certificate(folder):
    """An authority, and a certificate for localhost of 90 days."""
    curve = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes"]
    openssl(folder, "req", "-x509", *curve, "-days", "100", "-subj", "/CN=authority", "-keyout", "ca.key", "-out", "ca.pem")
    openssl(folder, "req", *curve, "-subj", "/CN=localhost", "-keyout", "site.key", "-out", "site.csr")
    (folder / "extensions").write_text("subjectAltName=DNS:localhost\nextendedKeyUsage=serverAuth\nbasicConstraints=CA:FALSE\n")
    openssl(folder, "x509", "-req", "-in", "site.csr", "-CA", "ca.pem", "-CAkey", "ca.key", "-CAcreateserial", "-days", "90",
            "-extfile", "extensions", "-out", "site.pem")


def start(folder):
    """The server, and its port."""
    (folder / "site").mkdir()
    (folder / "site/index.html").write_text("hello\n")
    command = [str(PROGRAM), "serve", "site", "-p", "0", "--tls-cert", "site.pem", "--tls-key", "site.key"]
    with open(folder / "log", "wb") as log:
        server = processes.spawn(command, cwd=folder, stdout=subprocess.PIPE, stderr=log)
    for line in server.stdout:
        if found := re.search(rb"https://127\.0\.0\.1:(\d+)/", line):
            return server, int(found.group(1))
    sys.exit("the server did not start")


def testssl(folder, port):
    """The findings of testssl.sh above LOW."""
    program = shutil.which("testssl") or shutil.which("testssl.sh")
    if not program:
        print("skipped: testssl.sh is not installed")
        return []
    report = folder / "testssl.json"
    subprocess.run([program, "--quiet", "--warnings", "off", "--color", "0", "--ip", "127.0.0.1", "--add-ca", "ca.pem",
                    "--jsonfile", str(report), f"localhost:{port}"], cwd=folder, stdin=subprocess.DEVNULL,
                   stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, timeout=LIMIT, check=False)
    findings = json.loads(report.read_text())
    print(f"testssl.sh: {len(findings)} findings")
    return [f"testssl.sh: {finding['severity']} {finding['id']}: {finding['finding']}" for finding in findings
            if finding["severity"] in SEVERE and not ABOUT_THE_RUN.match(finding["id"])]


def sslyze(port):
    """What keeps the server from Mozilla's intermediate configuration, by sslyze."""
    program = os.environ.get("SSLYZE") or shutil.which("sslyze")
    if not program:
        print("skipped: sslyze is not installed")
        return []
    said = subprocess.run([program, "--mozilla_config=intermediate", f"localhost:{port}"], stdin=subprocess.DEVNULL,
                          stdout=subprocess.PIPE, stderr=subprocess.STDOUT, timeout=LIMIT, check=False).stdout.decode()
    verdict = said[said.find("COMPLIANCE AGAINST"):] if "COMPLIANCE AGAINST" in said else said
    problems = re.findall(r"^\s+\* (.*)$", verdict, re.MULTILINE)
    print(f"sslyze: {len(problems)} remarks")
    # The authority of the run is in no store.
    return [f"sslyze: {problem}" for problem in problems if not problem.startswith("certificate")]


def main():
    if not shutil.which("openssl"):
        sys.exit("skipped: openssl is not installed")
    with tempfile.TemporaryDirectory(prefix="tinyhttp-tls-") as name:
        folder = Path(name)
        make_certificate(folder)
        server, port = start(folder)
        started = time.monotonic()
        try:
            problems = testssl(folder, port) + sslyze(port)
            alive = server.poll() is None
        finally:
            processes.kill(server)
    if not alive:
        problems.append("the server has ended")
    print("\n".join(problems) or f"no problem in {time.monotonic() - started:.0f} s")
    sys.exit(bool(problems))


if __name__ == "__main__":
    processes.end_on_signals()
    main()
