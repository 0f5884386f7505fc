"""Ctrl-C and ``kill`` while training: the step at hand is finished first."""

import signal
from types import FrameType, TracebackType
from typing import Any


class Interrupted(KeyboardInterrupt):
    """Training was asked to stop; where it stood is in the run folder, for ``resume``.

    Parameters
    ----------
    number : int
        The signal: SIGINT (Ctrl-C) or SIGTERM (``kill``).
    """

    def __init__(self, number: int) -> None:
        super().__init__(signal.Signals(number).name)
        self.number = number


class Stop:
    """Holds signals back between `hold` and `release`; at other times they interrupt at once.

    In the main thread only, where Python hears of signals; a handler of one's own stays.
    """

    #: Signal -> the handler it has where nobody chose another.
    _DEFAULTS = {signal.SIGINT: signal.default_int_handler, signal.SIGTERM: signal.SIG_DFL}

    def __init__(self) -> None:
        self._holding = False
        self._asked: int | None = None
        self._before: dict[signal.Signals, Any] = {}

    def __enter__(self) -> "Stop":
        """Take the signals over."""
        for number, default in self._DEFAULTS.items():
            if signal.getsignal(number) == default:
                try:
                    self._before[number] = signal.signal(number, self._hear)
                except ValueError:  # not the main thread
                    break
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Give them back."""
        for number, handler in self._before.items():
            signal.signal(number, handler)

    def hold(self) -> None:
        """Begin what must not be broken off; a second signal breaks it off all the same."""
        self._holding, self._asked = True, None

    def release(self) -> None:
        """End it, and raise ``Interrupted`` if a signal came meanwhile."""
        self._holding = False
        if self._asked is not None:
            raise Interrupted(self._asked)

    def _hear(self, number: int, frame: FrameType | None) -> None:
        if self._holding and self._asked is None:
            self._asked = number
        else:
            raise Interrupted(number)
