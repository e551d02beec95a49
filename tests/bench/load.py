"""A load by wrk, and the figures of it."""

import subprocess
from dataclasses import dataclass, field

from programs import HTTPS_LOAD, HERE


@dataclass
class Load:
    """What wrk asks for in one workload."""

    title: str
    path: str
    connections: int = 64
    fields: tuple = ()
    #: The answer's own fields that show that a program does what is measured.
    expect: tuple = ()
    #: What wrk.lua asks for beyond the path.
    script: str = ""
    #: Counts downloads by their bytes, for files that are too large for many to end in one round.
    size: int = 0
    canned: bool = False
    only: tuple = ()
    #: What takes part beside a program: the same with an option.
    options: dict = field(default_factory=dict)
    #: Over HTTPS.
    secured: bool = False
    #: What the example `https_load` does in the place of wrk: `kept`, `full` or `resumed`, and the version of TLS.
    https: tuple = ()


def wrk(server, what, time_each):
    """One turn of one program, of so many seconds: the figures, and how many requests failed."""
    command = ["wrk", "-t1", f"-c{what.connections}", f"-d{time_each}s", "--timeout", "10s", "-s", str(HERE / "wrk.lua")]
    for line in what.fields:
        command += ["-H", line]
    before = server.cpu()
    said = subprocess.run([*command, server.url(what.path), "--", what.script],
                          stdout=subprocess.PIPE, check=True, timeout=time_each + 30).stdout.decode()
    used = server.cpu() - before
    return figures(said, used, server, what)


def https_load(server, what, time_each):
    """As `wrk`, with connections of the kind that the load names."""
    kind, version = what.https
    command = [str(HTTPS_LOAD), kind, version, str(server.port), what.path, str(what.connections), str(time_each)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as client:
        # What it needs to resume is there.
        client.stdout.readline()
        before = server.cpu()
        said, _ = client.communicate("\n", timeout=time_each + 30)
        used = server.cpu() - before
    if client.returncode:
        raise OSError(f"{server.name}: {' '.join(command)} failed")
    return figures(said, used, server, what)


def figures(said, used, server, what):
    """The figures in what a client said, and how many requests failed."""
    result = next(line for line in said.splitlines() if line.startswith("RESULT"))
    answers, received, microseconds, failed, p50, p99 = map(int, result.split()[1:])
    if what.size:
        answers = received / what.size
    answers = max(answers, 1)
    return {"rate": answers / microseconds * 1e6, "cpu": used / answers, "p50": p50 / 1e6, "p99": p99 / 1e6,
            "memory": server.memory()}, failed
