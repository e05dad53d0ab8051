"""Models that leave their own cell: they exit, interrupt, print, move, or leave things behind.

Processes that they leave are noted by name and number in the folder $NOTED.
"""

import os
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

from stranger.drift import Drift

print("printed while it was imported")
os.chdir("/")


def note(name: str, pid: int) -> None:
    Path(os.environ["NOTED"], f"{name}-{pid}").touch()


class _Misbehaves(Drift):
    """Trains one epoch, then does it."""

    def fit(self, train, valid):
        note(type(self).__name__, os.getpid())
        for epoch in super().fit(train, valid):
            yield epoch
            if epoch.index == 1:
                self.misbehave()

    def misbehave(self):
        raise NotImplementedError


class Exits(_Misbehaves):
    def misbehave(self):
        sys.exit(0)


class Interrupts(_Misbehaves):
    def misbehave(self):
        raise KeyboardInterrupt


class Nobody(BaseException):
    pass


class RaisesItsOwn(_Misbehaves):
    def misbehave(self):
        raise Nobody("knows me")


class Unsayable(_Misbehaves):
    def misbehave(self):
        raise ValueError("\ud800 \x1b[31m")


class Speechless(Exception):
    def __init__(self, one, two):
        self.two = two

    def __str__(self):
        raise self.two


class SaysNothing(_Misbehaves):
    def misbehave(self):
        raise Speechless(1, SystemExit(0))


class LeavesThings(_Misbehaves):
    """A thread, a process by fork that knows no SIGTERM, and one of another program."""

    def misbehave(self):
        threading.Thread(target=time.sleep, args=(600,), name="endless").start()
        pid = os.fork()
        if pid == 0:
            signal.signal(signal.SIGTERM, signal.SIG_IGN)
            time.sleep(600)
            os._exit(0)
        note("forked", pid)
        note("started", subprocess.Popen(["sleep", "600"]).pid)


class DiesAndLeavesThings(LeavesThings):
    def misbehave(self):
        super().misbehave()
        os.kill(os.getpid(), signal.SIGKILL)


class Lasts(LeavesThings):
    """Goes on until somebody ends it."""

    def misbehave(self):
        super().misbehave()
        time.sleep(600)


class Prints(_Misbehaves):
    """In every way, and then goes elsewhere."""

    def misbehave(self):
        print("printed")
        print("printed as an error", file=sys.stderr)
        os.write(1, b"written\n")
        subprocess.run(["echo", "echoed"], check=True)
        os.chdir("/")
