"""The supervisor: a small process that ends one program when the process that started it ends.

Run as a script by `supervised_process.py`. It starts the program as its child and then waits for
the program's end, or the end of the *life line*, a pipe whose other end only the starter holds. The
kernel closes that end when the starter ends, however it ends (also by SIGKILL). Then the supervisor
ends the program and removes the folders that it was told to remove.

Why a process of its own, when Linux has PR_SET_PDEATHSIG? That signal fires when the *thread* that
started the child ends, not the process, so a program started from a worker thread would die at
random; a change of user clears it; and macOS has none. The supervisor has a single thread, so here
PR_SET_PDEATHSIG is safe, and covers the one other case: a supervisor killed by SIGKILL.

Only the standard library, and little of it: one supervisor per program, started in 20 ms.
"""

import contextlib
import ctypes
import json
import os
import select
import shutil
import signal
import sys
import time
from pathlib import Path

PR_SET_PDEATHSIG = 1
"""`prctl` option: which signal this process gets when its parent's thread ends (Linux)."""

PATIENCE_SECONDS = 5.0
"""How long a program may take to end after its end signal; then it gets SIGKILL."""

SIGNALLED = 128
"""128 + N is the exit code of a program that signal N ended, as in shells."""


class Spec:
    """What to do; the fields of one JSON object on the command line."""

    def __init__(self, text: str) -> None:
        fields = json.loads(text)
        self.command: list[str] = fields["command"]
        self.life_line: int = fields["life_line"]
        self.report: int = fields["report"]
        self.user: tuple[int, int] | None = fields["user"] and tuple(fields["user"])
        self.end_signal: int = fields["end_signal"]
        self.own_session: bool = fields["own_session"]
        self.remove_after_crash: list[str] = fields["remove_after_crash"]


def die_with_parent(parent: int, end_signal: int) -> None:
    """Ask Linux for `end_signal` at the parent's end; elsewhere only the life line works."""
    if sys.platform == "linux":
        ctypes.CDLL(None, use_errno=True).prctl(PR_SET_PDEATHSIG, end_signal, 0, 0, 0)
    # The parent may have ended before the line above: then no signal comes.
    if os.getppid() != parent:
        os._exit(SIGNALLED + end_signal)


def become(spec: Spec, supervisor: int) -> None:
    """Turn the forked child into the program; never returns."""
    try:
        signal.set_wakeup_fd(-1)
        # Ignored signals stay ignored across exec, and Python ignores SIGPIPE.
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGPIPE):
            signal.signal(number, signal.SIG_DFL)
        if spec.own_session:
            os.setsid()
        if spec.user is not None:
            user, group = spec.user
            os.setgroups([])
            os.setgid(group)
            os.setuid(user)
        # After the change of user, which clears it.
        die_with_parent(supervisor, spec.end_signal)
        os.execvp(spec.command[0], spec.command)  # noqa: S606 - a list of arguments, no shell needed
    except OSError as error:
        sys.stderr.write(f"cannot start {spec.command[0]}: {error}\n")
        sys.stderr.flush()
    os._exit(127)


def end(child: int, spec: Spec) -> int:
    """End the program, by SIGKILL after PATIENCE_SECONDS; returns its wait status."""

    def send(number: int) -> None:
        if spec.own_session:
            os.killpg(child, number)  # with the processes it started
        else:
            os.kill(child, number)  # noqa: TID251 - fork() returned it

    send(spec.end_signal)
    send(signal.SIGCONT)  # a suspended program handles no other signal but SIGKILL
    deadline = time.monotonic() + PATIENCE_SECONDS
    while time.monotonic() < deadline:
        ended, status = os.waitpid(child, os.WNOHANG)
        if ended:
            return status
        time.sleep(0.01)
    send(signal.SIGKILL)
    return os.waitpid(child, 0)[1]


def watch(child: int, spec: Spec, signals: int) -> tuple[int, bool]:
    """Wait for the program's or the starter's end: (wait status, whether the starter ended)."""
    # Not select(): it refuses descriptors from 1024 on, as a starter with many connections has.
    poll = select.poll()
    for descriptor in (spec.life_line, signals):
        poll.register(descriptor, select.POLLIN)
    while True:
        readable = {descriptor for descriptor, _ in poll.poll()}
        if signals in readable and set(os.read(signals, 64)) - {signal.SIGCHLD}:
            return end(child, spec), False
        ended, status = os.waitpid(child, os.WNOHANG)
        if ended:
            return status, False
        if spec.life_line in readable and not os.read(spec.life_line, 64):
            return end(child, spec), True


def main() -> int:
    """Start the program, report its process id, and watch it; returns its exit code."""
    spec = Spec(sys.argv[1])
    os.set_inheritable(spec.life_line, False)  # noqa: FBT003 - takes no keywords
    os.set_inheritable(spec.report, False)  # noqa: FBT003 - takes no keywords
    # Signals arrive as bytes in a pipe, so that one select waits for everything.
    signals, wakeup = os.pipe()
    os.set_blocking(wakeup, False)
    signal.set_wakeup_fd(wakeup, warn_on_full_buffer=False)
    for number in (signal.SIGCHLD, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, lambda *_: None)
    # Ctrl-C reaches every process of a terminal; the starter decides what it means.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    supervisor = os.getpid()
    becoming, became = os.pipe()  # exec closes it in the child
    child = os.fork()
    if child == 0:
        become(spec, supervisor)
    os.close(became)
    # Until then it is a copy of us: without a session of its own, and ignoring Ctrl-C.
    os.read(becoming, 1)
    os.close(becoming)
    os.write(spec.report, f"{child}\n".encode())
    os.close(spec.report)
    status, starter_ended = watch(child, spec, signals)
    if spec.own_session:
        # What it started may still run in its session.
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(child, signal.SIGKILL)
    if starter_ended:
        for folder in spec.remove_after_crash:
            shutil.rmtree(Path(folder), ignore_errors=True)
    code = os.waitstatus_to_exitcode(status)
    return code if code >= 0 else SIGNALLED - code


if __name__ == "__main__":
    sys.exit(main())
