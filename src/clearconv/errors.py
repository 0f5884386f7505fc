"""The exceptions that users see.

::

    ClearconvError
    ├── ArgumentError (TypeError)    arguments that a layer, model or function does not take
    ├── ShapeError (ValueError)      arrays or settings that do not fit together
    ├── DtypeError (TypeError)       arrays with another dtype than float32 or float64
    ├── BackendError (RuntimeError)  a telling that was asked for by name and is not available
    ├── TapeError (RuntimeError)     backward without the forward pass it needs
    ├── DataError (ValueError)       images, labels or splits that cannot be used
    ├── ModelFileError (ValueError)  a file that is not a usable clearconv model
    ├── ShortageError (MemoryError)  not enough memory for an image
    └── RunError (RuntimeError)      a run folder that cannot be written, resumed or read

Every message says what was received, what was expected, and the most likely remedy. A very long one
is shortened in the middle.
"""

from clearconv.words import cut


class ClearconvError(Exception):
    """Base of every error that clearconv raises on purpose."""

    def __str__(self) -> str:
        """Return the message, shortened if it is too long."""
        return cut(super().__str__())


class ShapeError(ClearconvError, ValueError):
    """Shapes, or settings that determine shapes, do not fit together."""


class DtypeError(ClearconvError, TypeError):
    """An array has a dtype that the operation does not compute in."""


class BackendError(ClearconvError, RuntimeError):
    """The telling (backend) asked for by name is not available."""


class TapeError(ClearconvError, RuntimeError):
    """``backward`` was called without the recorded forward pass it needs."""


class DataError(ClearconvError, ValueError):
    """Images, labels or a split cannot be used as they are."""


class ModelFileError(ClearconvError, ValueError):
    """A file is not a clearconv model, is damaged, or does not fit the model."""


class RunError(ClearconvError, RuntimeError):
    """A run folder cannot be created, resumed or read."""


class ShortageError(ClearconvError, MemoryError):
    """There is not enough memory to decode an image; the image itself may be intact."""


class ArgumentError(ClearconvError, TypeError):
    """A layer, model or function was called with arguments it does not take."""
