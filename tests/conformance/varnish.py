#!/usr/bin/env python3
"""Runs the cases of varnishtest in tests/conformance/varnish: a client and a server that say byte by byte what they send, with
`tinyhttp serve` between them.

    python3 tests/conformance/varnish.py              all cases
    python3 tests/conformance/varnish.py hops.vtc     some of them

The program is target/release/tinyhttp, or what the variable TINYHTTP names. varnishtest is in Debian's package varnish; without it
nothing is tested, and the script says so. Exit code 1: a case failed.
"""

import os
import shutil
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent.parent
PROGRAM = os.environ.get("TINYHTTP", Path(os.environ.get("CARGO_TARGET_DIR", ROOT / "target")) / "release/tinyhttp")
CASES = Path(__file__).resolve().parent / "varnish"
# Seconds for a case.
LIMIT = 60


def main():
    if not shutil.which("varnishtest"):
        print("skipped: varnishtest is not installed (Debian's package varnish)")
        return
    cases = [CASES / name for name in sys.argv[1:]] or sorted(CASES.glob("*.vtc"))
    failed = 0
    for case in cases:
        run = subprocess.run(["varnishtest", "-D", f"tinyhttp={PROGRAM}", "-t", str(LIMIT), str(case)], stdin=subprocess.DEVNULL,
                             stdout=subprocess.PIPE, stderr=subprocess.STDOUT, check=False)
        if run.returncode:
            failed += 1
            print(run.stdout.decode(errors="replace"))
    print(f"varnishtest: {len(cases)} cases, {failed} failed")
    sys.exit(bool(failed))


if __name__ == "__main__":
    main()
