#!/usr/bin/env python3
"""Runs scripts of tlsfuzzer against `tinyhttp serve --tls-cert`: messages that are cut, duplicated, out of order, or wrong.

    python3 tests/conformance/tlsfuzzer.py ../tlsfuzzer

The argument is a checkout of https://github.com/tlsfuzzer/tlsfuzzer; without one, it is skipped, and says so. The library that
the scripts need, tlslite-ng, is installed below target/ from PyPI. Each script runs as it is. Where its expectation does not fit
a server without CBC ciphers, early data and certificate compression, the table gives the conversations that are left out, and why.
"""

import os
import subprocess
import sys
import tempfile
import time
import venv
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent))
from tls import ROOT, openssl, start  # noqa: E402

ENVIRONMENT = ROOT / "target/conformance/tlsfuzzer"
LIBRARY = "tlslite-ng==0.9.0b2"
# Seconds for one script.
LIMIT = 300
# The only ciphers of TLS 1.2 that rustls has are those with AEAD.
CIPHER = ("-C", "TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256")

SILENT = "rustls closes without an alert"
OTHER = "rustls sends another fatal alert"
# Not among them, beside scripts about what the server does not have: tls13-finished, which draws its conversations by lot and
# expects decode_error for a Finished of another length, where rustls sends decrypt_error; and tls13-zero-content-type, which
# expects an alert, where rustls sends none.
# For each script: its options, and the conversations that are left out with the reason.
SCRIPTS = {
    "tls13-ccs": ((), {}),
    "tls13-conversation": ((), {}),
    "tls13-count-tickets": ((), {}),
    "tls13-finished-plaintext": ((), {"Unencrypted Finished message": OTHER}),
    "tls13-hrr": ((), {}),
    "tls13-invalid-ciphers": ((), {}),
    "tls13-keyshare-omitted": ((), {"key_share extension omitted": OTHER}),
    "tls13-keyupdate": ((), {
        "3/2 fragmented keyupdate msg, appdata between": SILENT,
        "multiple KeyUpdate messages": "rustls answers several that came together with one",
    }),
    "tls13-no-unknown-groups": ((), {}),
    "tls13-nociphers": ((), {}),
    "tls13-record-padding": ((), {}),
    "tls13-unencrypted-alert": ((), {}),
    "ccs": (CIPHER, {"two bytes long CCS": OTHER}),
    "connection-abort": (CIPHER, {}),
    "conversation": (CIPHER, {}),
    "cve-2004-0079": (CIPHER, {
        "Single interleaved ClientHello fragment": SILENT,
        "Multiple interleaved ClientHello fragment": SILENT,
    }),
    "cve-2016-6309": (CIPHER, {}),
    "early-application-data": (CIPHER, {}),
    "fuzzed-ciphertext": (CIPHER, {}),
    "hello-request-by-client": (CIPHER, {}),
    "interleaved-CKE-with-CCS": (CIPHER, {
        "Single interleaved ClientKeyExchange fragment": SILENT,
        "Multiple interleaved ClientKeyExchange fragment": SILENT,
    }),
    "invalid-compression-methods": (CIPHER, {}),
    "invalid-content-type": (CIPHER, {}),
    "no-mlkem-in-old-tls": (CIPHER, {}),
    "record-layer-fragmentation": (CIPHER, {
        "maximum size: max fragment - 65385B extension": "rustls takes handshake messages of up to 64 KiB",
        "non fragmented, over fragmentation limit: 65535 fragment - 16332B extension": "rustls takes longer plain records",
    }),
    "renegotiation-disabled": (CIPHER, {}),
    "sslv2-connection": ((), {}),
    "truncating-of-client-hello": (CIPHER, {
        'big pad: 65536 of "0" byte padding': SILENT,
        'huge pad: 131584 of "0" byte padding': SILENT,
        'max pad: 16777021 of "0" byte padding': SILENT,
    }),
    "version-numbers": (CIPHER, {}),
    "zero-length-data": (CIPHER, {}),
}


def environment():
    """A Python with the library."""
    python = ENVIRONMENT / "bin/python"
    if not python.exists():
        venv.create(ENVIRONMENT, with_pip=True)
        subprocess.run([python, "-m", "pip", "install", "-q", "--pre", LIBRARY], check=True)
    return python


def run(python, checkout, port, script):
    """Runs a script: the names of the conversations that failed, and how many passed."""
    options, left_out = SCRIPTS[script]
    arguments = [*options]
    for name in left_out:
        arguments += ["-e", name]
    command = [python, f"scripts/test-{script}.py", "-h", "127.0.0.1", "-p", str(port), *arguments]
    try:
        ran = subprocess.run(command, cwd=checkout, env={**os.environ, "PYTHONPATH": "."}, stdin=subprocess.DEVNULL,
                             stdout=subprocess.PIPE, stderr=subprocess.STDOUT, timeout=LIMIT, check=False)
    except subprocess.TimeoutExpired:
        return [f"not done within {LIMIT} s"], 0
    said = ran.stdout.decode(errors="replace")
    passed = [int(line.split()[1]) for line in said.splitlines() if line.startswith("PASS:")]
    failed = said.split("\nFAILED:\n")[1].splitlines() if "\nFAILED:\n" in said else []
    if ran.returncode and not failed:
        failed = said.splitlines()[-1:] or ["it said nothing"]
    return [line.strip() for line in failed if line.strip()], sum(passed)


def main():
    checkout = Path(sys.argv[1] if len(sys.argv) > 1 and sys.argv[1] else "/nonexistent")
    if not (checkout / "scripts/test-conversation.py").exists():
        print("skipped: tlsfuzzer is in no checkout that is given: make conformance TLSFUZZER=../tlsfuzzer")
        return
    python = environment()
    problems, total, started = [], 0, time.monotonic()
    with tempfile.TemporaryDirectory(prefix="tinyhttp-tlsfuzzer-") as name:
        folder = Path(name)
        openssl(folder, "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "10", "-subj", "/CN=localhost", "-addext",
                "subjectAltName=DNS:localhost,IP:127.0.0.1", "-keyout", "site.key", "-out", "site.pem")
        server, port = start(folder)
        try:
            for script in SCRIPTS:
                failed, passed = run(python, checkout, port, script)
                total += passed
                problems += [f"{script}: {line}" for line in failed]
            if server.poll() is not None:
                problems.append("the server has ended")
        finally:
            server.kill()
            server.wait()
    print(f"tlsfuzzer: {total} conversations of {len(SCRIPTS)} scripts in {time.monotonic() - started:.0f} s")
    print("\n".join(problems) or "no problem")
    sys.exit(bool(problems))


if __name__ == "__main__":
    main()
