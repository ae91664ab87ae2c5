"""How each thing of a campaign is broken and healed."""

from __future__ import annotations

import signal
import threading
from typing import Final, Protocol

from tests.chaos.disk import SmallDisk
from tests.chaos.programs import Program, child_named, signal_all
from tests.chaos.schedule import Means
from tests.chaos.wall_clock import HOUR_S, WallClock
from tests.e2e.demo_run import descendants
from tests.peers.postgres import PostgresServer
from tests.peers.proxy import Mode, Proxy

_MODES: Final = {
    Means.CUT: Mode.CUT,
    Means.REFUSE: Mode.REFUSE,
    Means.FORGET: Mode.HALF_OPEN,
    Means.BLACK_HOLE: Mode.BLACK_HOLE,
    Means.BLACK_HOLE_OUT: Mode.BLACK_HOLE_OUT,
    Means.BLACK_HOLE_IN: Mode.BLACK_HOLE_IN,
    Means.SWALLOW: Mode.SWALLOW,
    Means.DRIBBLE: Mode.DRIBBLE,
}


class Breakable(Protocol):
    """Something that can be broken by some of the means."""

    def begin(self, means: Means) -> None:
        """Break it."""

    def heal(self, means: Means) -> None:
        """Undo what `begin` did."""


class BreakableLink:
    """A way through proxies: one for each node that it may lead to."""

    def __init__(self, *proxies: Proxy) -> None:
        self._proxies = proxies

    def begin(self, means: Means) -> None:
        """See the protocol."""
        for proxy in self._proxies:
            proxy.switch(_MODES[means])

    def heal(self, means: Means) -> None:
        """See the protocol."""
        del means
        for proxy in self._proxies:
            proxy.switch(Mode.PASS)


class BreakableProgram:
    """A process with its clock and, where it has one, its disk."""

    def __init__(self, program: Program, *, clock: WallClock | None = None, disk: SmallDisk | None = None) -> None:
        self._program, self._clock, self._disk = program, clock, disk

    def begin(self, means: Means) -> None:
        """See the protocol."""
        match means:
            case Means.KILL:
                self._program.kill()
            case Means.STOP:
                self._program.send(signal.SIGSTOP)
            case Means.CLOCK_FORWARD if self._clock is not None:
                self._clock.shift(HOUR_S)
            case Means.CLOCK_BACK if self._clock is not None:
                self._clock.shift(-HOUR_S)
            case Means.DISK_FULL if self._disk is not None:
                self._disk.fill(self._program.pid)
            case _:
                raise ValueError(f"{self._program.name} cannot be broken by {means}")

    def heal(self, means: Means) -> None:
        """See the protocol."""
        match means:
            case Means.KILL:
                self._program.start()
            case Means.STOP:
                self._program.send(signal.SIGCONT)
            case Means.DISK_FULL if self._disk is not None:
                self._disk.free(self._program.pid)
            case _ if self._clock is not None:
                self._clock.shift(0)


class BreakableChild:
    """A process that another program starts and supervises: the embedded broker."""

    def __init__(self, parent: Program, word: str) -> None:
        self._parent, self._word = parent, word
        self._stopped: int | None = None

    def begin(self, means: Means) -> None:
        """See the protocol."""
        pid = child_named(self._parent.pid, self._word)
        if means is Means.STOP:
            self._stopped = pid
        if pid is not None:
            signal_all([pid], signal.SIGKILL if means is Means.KILL else signal.SIGSTOP)

    def heal(self, means: Means) -> None:
        """See the protocol; what was killed its parent starts again."""
        del means
        if self._stopped is not None:
            signal_all([self._stopped], signal.SIGCONT)
            self._stopped = None


class BreakableDatabase:
    """A PostgreSQL server with all its processes."""

    def __init__(self, server: PostgresServer) -> None:
        self._server = server
        self._stopped: list[int] = []
        self._starting: threading.Thread | None = None

    def begin(self, means: Means) -> None:
        """See the protocol."""
        self.settle()
        match means:
            case Means.KILL:
                self._server.kill()
            case Means.RESTART:
                self._server.stop()
            case _:
                pid = self._server.pid
                self._stopped = [] if pid is None else [pid, *descendants(pid)]
                signal_all(self._stopped, signal.SIGSTOP)

    def heal(self, means: Means) -> None:
        """See the protocol; a start takes its time, and other faults go on meanwhile."""
        if means is Means.STOP:
            signal_all(self._stopped, signal.SIGCONT)
            return
        self._starting = threading.Thread(target=self._server.start, name="database")
        self._starting.start()

    def settle(self) -> None:
        """Wait until a start is done."""
        if self._starting is not None:
            self._starting.join()
            self._starting = None
