"""Who is told what happens: everyone, in order, by the hook's own name."""

import inspect

import pytest

import clearconv
from clearconv.errors import ArgumentError
from clearconv.train import Callback, Callbacks

HOOKS = {name: hook for name, hook in vars(Callback).items() if inspect.isfunction(hook)}


def test_the_hooks_are_these():
    assert sorted(HOOKS) == [
        *("epoch", "finished", "preparing", "reading", "searching", "started", "step", "warned"),
    ]


@pytest.mark.parametrize("name", HOOKS)
def test_each_hook_reaches_everyone_with_what_was_said(name):
    heard = []

    class Ear(Callback):
        def __init__(self, number):
            self.number = number

    setattr(Ear, name, lambda self, *said: heard.append((self.number, said)))
    said = tuple(range(len(inspect.signature(HOOKS[name]).parameters) - 1))
    getattr(Callbacks([Ear(1), Callback(), Ear(2)]), name)(*said)
    assert heard == [(1, said), (2, said)]


def test_what_is_no_callback_is_refused():
    with pytest.raises(ArgumentError, match="subclass of clearconv.train.Callback"):
        Callbacks([Callback])
    with pytest.raises(ArgumentError, match="a list of callbacks is needed"):
        Callbacks(Callback())
    with pytest.raises(ArgumentError, match="a list of callbacks is needed"):
        clearconv.fit("digits_cnn", "digits", callbacks=Callback())
