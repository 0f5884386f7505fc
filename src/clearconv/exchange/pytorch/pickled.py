"""A pickle read without being run: a stack machine that knows plain data and a few names.

Python's own unpickler is not used. Even where it may look up only a few names, a file of a hundred
bytes can make it take gigabytes (a place far out in its memo, a string of a declared length), or
hours (a key whose hash visits a tuple of tuples of tuples). Here every step has a price, the price
of a whole file is limited by its length, and a length is compared with what is left before anything
of that length is made.

The opcodes are those of protocols 2 to 5, as Python's ``pickletools`` documents them.
"""

import struct
from collections.abc import Callable
from typing import Any, BinaryIO

from clearconv.exchange.pytorch.allowed import Other, called, named
from clearconv.exchange.pytorch.unreadable import UnreadableError, shown

#: Bytes that the objects of any file may take, and that those of a large one may take per byte.
_FREE, _PER_BYTE = 2**26, 2
#: Upper bounds of what an opcode leaves in memory, in bytes; those not listed: `_USUAL`.
_USUAL = 128
_CHEAP = dict.fromkeys(b"KMJGNhj\x88\x89", 40)
_LONGEST_NAME = 1000
_MOST_DIGITS = 1024  # bytes of a whole number
#: Types of keys whose hash takes no longer than the key itself.
_KEYS = (str, int, float, bool, bytes, type(None))


class Reader:
    """Bytes of a file, one after another, with what their objects may still cost.

    Parameters
    ----------
    file : BinaryIO
        Open at its beginning.
    size : int
        Number of bytes that can be read.
    whole : int
        Length of the whole file, which sets the limit.
    """

    def __init__(self, file: BinaryIO, size: int, whole: int) -> None:
        self._file, self.left, self._worth = file, size, _FREE + _PER_BYTE * whole

    def take(self, count: int) -> bytes:
        """Return the next bytes."""
        if count > self.left:
            raise UnreadableError("is not whole: it ends in the middle. Was it cut off in copying?")
        found = self._file.read(count)
        if len(found) != count:
            raise UnreadableError("is not whole: it has become shorter while it was read")
        self.left -= count
        return found

    def line(self) -> str:
        """Return the text up to the next end of a line."""
        found = self._file.readline(min(_LONGEST_NAME, self.left))
        self.left -= len(found)
        if not found.endswith(b"\n"):
            raise UnreadableError("is damaged: a name has no end")
        return found[:-1].decode("utf-8", "backslashreplace")

    def spend(self, price: int) -> None:
        """Take a price off what is left."""
        self._worth -= price
        if self._worth < 0:
            raise UnreadableError(
                "describes more objects than the state dict of a file of its length has"
            )


class Pickle:
    """One pickle within a file.

    Parameters
    ----------
    reader : Reader
        Stands at its beginning; afterwards behind its end.
    persistent : callable
        Returns what stands for a persistent id: for a storage.
    """

    def __init__(self, reader: Reader, persistent: Callable[[Any], Any]) -> None:
        self._reader, self._persistent = reader, persistent
        self._stack: list[Any] = []
        self._marks: list[list[Any]] = []  # the stacks below each mark
        self._memo: dict[int, Any] = {}

    def load(self) -> Any:
        """Return the pickled object; whatever is not data or a tensor is an `Other`."""
        reader = self._reader
        try:
            while True:
                code = reader.take(1)[0]
                reader.spend(_CHEAP.get(code, _USUAL))
                if code == 0x2E:  # STOP
                    return self._stack.pop()
                step = _STEPS.get(code)
                if step is None:
                    raise UnreadableError(
                        f"is damaged, or no file of PyTorch's: opcode {bytes([code])!r} is not read"
                    )
                step(self)
        except (AttributeError, IndexError, KeyError, UnicodeDecodeError):
            raise UnreadableError("is damaged: its opcodes do not fit together") from None

    # -- the stack

    def _push(self, value: Any) -> None:
        self._stack.append(value)

    def _mark(self) -> None:
        self._marks.append(self._stack)
        self._stack = []

    def _since_mark(self) -> list[Any]:
        items, self._stack = self._stack, self._marks.pop()
        return items

    # -- numbers and texts

    def _number(self, form: str) -> Any:
        return struct.unpack(form, self._reader.take(struct.calcsize(form)))[0]

    def _bytes(self, form: str) -> bytes:
        length = self._number(form)
        if length < 0:
            raise UnreadableError("is damaged: a length is negative")
        found = self._reader.take(length)
        self._reader.spend(4 * length)  # a letter takes up to four bytes in memory
        return found

    def _text(self, form: str) -> None:
        self._push(self._bytes(form).decode("utf-8", "surrogatepass"))

    def _old_text(self, form: str) -> None:
        self._push(self._bytes(form).decode("utf-8", "backslashreplace"))  # by Python 2

    def _long(self, form: str) -> None:
        digits = self._bytes(form)
        if len(digits) > _MOST_DIGITS:
            raise UnreadableError(f"is damaged: a whole number has {len(digits):,} bytes")
        self._push(int.from_bytes(digits, "little", signed=True))

    # -- containers

    def _tuple(self, count: int) -> None:
        items = tuple(self._stack[-count:])
        if len(items) < count:
            raise IndexError
        self._stack[-count:] = [items]

    def _append(self, items: list[Any]) -> None:
        target = self._stack[-1]
        if not isinstance(target, Other):
            if type(target) is not list:
                raise AttributeError
            target.extend(items)

    def _set_items(self, items: list[Any]) -> None:
        target = self._stack[-1]
        if len(items) % 2:
            raise IndexError
        if isinstance(target, Other):
            return
        if type(target) is not dict:
            raise AttributeError
        for key, value in zip(items[::2], items[1::2], strict=True):
            if type(key) in _KEYS:
                target[key] = value
            else:
                target[f"(a {type(key).__name__})"] = Other("an entry without a plain key")

    def _frozen(self) -> None:
        self._since_mark()
        self._push(Other("builtins.frozenset"))

    def _pair(self) -> list[Any]:
        value, key = self._stack.pop(), self._stack.pop()
        return [key, value]

    def _pop(self) -> None:
        if self._stack:
            self._stack.pop()
        else:
            self._since_mark()

    # -- memory

    def _put(self, place: int) -> None:
        self._memo[place] = self._stack[-1]

    def _get(self, place: int) -> None:
        self._push(self._memo[place])

    # -- names and calls

    def _name(self) -> None:
        module = self._reader.line()
        self._push(named(module, self._reader.line()))

    def _name_of_stack(self) -> None:
        name, module = self._stack.pop(), self._stack.pop()
        if type(name) is not str or type(module) is not str:
            raise AttributeError
        self._push(named(module, name))

    def _call(self, more: int = 0) -> None:
        for _ in range(more):  # keywords, which no allowed name takes
            self._stack.pop()
        arguments, function = self._stack.pop(), self._stack.pop()
        if type(arguments) is tuple:  # what a list holds may be copied
            self._reader.spend(sum(_USUAL * len(one) for one in arguments if type(one) is list))
        self._push(called(function, arguments))

    def _extension(self) -> None:
        raise UnreadableError("uses an extension code, which is refused: it names anything")

    def _storage(self) -> None:
        self._push(self._persistent(self._stack.pop()))

    def _textual(self) -> None:
        raise UnreadableError("has a persistent id as text, which no PyTorch writes")


def _protocol(machine: Pickle) -> None:
    version = machine._number("<B")
    if not 2 <= version <= 5:
        raise UnreadableError(f"is damaged: a pickle of protocol {shown(version)}")


_Step = Callable[[Pickle], Any]
_STEPS: dict[int, _Step] = {
    0x80: _protocol,
    0x95: lambda m: m._number("<Q"),  # FRAME: only a hint
    # constants and numbers
    ord("N"): lambda m: m._push(None),
    0x88: lambda m: m._push(True),
    0x89: lambda m: m._push(False),
    ord("K"): lambda m: m._push(m._number("<B")),
    ord("M"): lambda m: m._push(m._number("<H")),
    ord("J"): lambda m: m._push(m._number("<i")),
    ord("G"): lambda m: m._push(m._number(">d")),
    0x8A: lambda m: m._long("<B"),
    0x8B: lambda m: m._long("<i"),
    # texts and bytes
    ord("X"): lambda m: m._text("<I"),
    0x8C: lambda m: m._text("<B"),
    0x8D: lambda m: m._text("<Q"),
    ord("U"): lambda m: m._old_text("<B"),
    ord("T"): lambda m: m._old_text("<i"),
    ord("B"): lambda m: m._push(m._bytes("<I")),
    ord("C"): lambda m: m._push(m._bytes("<B")),
    0x8E: lambda m: m._push(m._bytes("<Q")),
    0x96: lambda m: m._push(m._bytes("<Q")),
    # containers
    ord("("): Pickle._mark,
    ord(")"): lambda m: m._push(()),
    ord("t"): lambda m: m._push(tuple(m._since_mark())),
    0x85: lambda m: m._tuple(1),
    0x86: lambda m: m._tuple(2),
    0x87: lambda m: m._tuple(3),
    ord("]"): lambda m: m._push([]),
    ord("l"): lambda m: m._push(m._since_mark()),
    ord("a"): lambda m: m._append([m._stack.pop()]),
    ord("e"): lambda m: m._append(m._since_mark()),
    ord("}"): lambda m: m._push({}),
    ord("s"): lambda m: m._set_items(m._pair()),
    ord("u"): lambda m: m._set_items(m._since_mark()),
    0x8F: lambda m: m._push(Other("builtins.set")),
    0x90: lambda m: m._append(m._since_mark()),
    0x91: Pickle._frozen,
    ord("0"): Pickle._pop,
    ord("1"): Pickle._since_mark,
    ord("2"): lambda m: m._push(m._stack[-1]),
    # memory
    ord("q"): lambda m: m._put(m._number("<B")),
    ord("r"): lambda m: m._put(m._number("<I")),
    0x94: lambda m: m._put(len(m._memo)),
    ord("h"): lambda m: m._get(m._number("<B")),
    ord("j"): lambda m: m._get(m._number("<I")),
    # names and calls; the state that BUILD would give to an object is dropped
    ord("c"): Pickle._name,
    0x93: Pickle._name_of_stack,
    ord("R"): Pickle._call,
    0x81: Pickle._call,
    0x92: lambda m: m._call(1),
    ord("b"): lambda m: m._stack.pop(),
    ord("Q"): Pickle._storage,
    ord("P"): Pickle._textual,
    **dict.fromkeys((0x82, 0x83, 0x84), Pickle._extension),
}
