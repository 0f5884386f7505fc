"""Ctrl-C and ``kill`` while training: the current step is finished first."""

import signal
from types import FrameType, TracebackType
from typing import Any


class Interrupted(KeyboardInterrupt):
    """Training was asked to stop; its state is in the run folder, for ``resume``.

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

    Only in the main thread, where Python receives signals; the user's own handler is kept.
    """

    #: Signal -> its default handler.
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
        """Start work that must not be interrupted; a second signal interrupts it nevertheless."""
        self._holding, self._asked = True, None

    def release(self) -> None:
        """End that work, and raise ``Interrupted`` if a signal came meanwhile."""
        self._holding = False
        if self._asked is not None:
            raise Interrupted(self._asked)

    def _hear(self, number: int, frame: FrameType | None) -> None:
        if self._holding and self._asked is None:
            self._asked = number
        else:
            raise Interrupted(number)
