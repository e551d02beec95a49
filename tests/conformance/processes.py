"""The processes of conformance tests. They end with the tests, also when these are ended by a signal (SIGTERM, SIGINT, SIGHUP)."""

import os
import signal
import subprocess

ENDING = (signal.SIGTERM, signal.SIGINT, signal.SIGHUP)


class _State:
    #: The numbers of the processes: each leads a group, in which what it starts is, too.
    running = set()
    #: A process has been started that is not among those yet.
    is_starting = False
    #: The signal that came meanwhile.
    came = None


def spawn(command, **options):
    """Starts a process in a group of its own, and registers it."""
    _State.is_starting = True
    try:
        child = subprocess.Popen([str(word) for word in command], stdin=subprocess.DEVNULL, start_new_session=True, **options)
        _State.running.add(child.pid)
    finally:
        _State.is_starting = False
    if _State.came:
        end(_State.came, None)
    return child


def kill(child):
    """Kills a process and its group, and waits for it."""
    _kill_group(child.pid)
    child.wait()
    _State.running.discard(child.pid)


def _kill_group(number):
    try:
        os.killpg(number, signal.SIGKILL)
    except ProcessLookupError:
        pass


def end(number, _):
    """Ends the tests, through every `finally`."""
    if _State.is_starting:
        _State.came = number
        return
    for other in ENDING:
        # What follows is not interrupted.
        signal.signal(other, signal.SIG_IGN)
    # They are not waited for: this may have interrupted what does.
    for leader in list(_State.running):
        _kill_group(leader)
    raise SystemExit(128 + number)


def end_on_signals():
    """Has these signals end all processes, and the tests."""
    for number in ENDING:
        signal.signal(number, end)
