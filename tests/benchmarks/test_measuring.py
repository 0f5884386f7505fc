"""How the benchmark measures: turns, what is thrown away, processes; with a clock of our own."""

import os

import pytest

from benchmarks import measure
from benchmarks.child import run_alone


class Clock:
    """Time that passes only when a step takes it."""

    def __init__(self, monkeypatch):
        self.now = 0.0
        self.log = []
        monkeypatch.setattr(measure, "perf_counter", lambda: self.now)

    def step(self, name, seconds, after_switch=0.0):
        """Return a step that takes longer right after another one's."""

        def take():
            self.now += seconds + (after_switch if self.log[-1:] != [name] else 0.0)
            self.log.append(name)

        return take


def test_steps_after_a_switch_are_thrown_away(monkeypatch):
    clock = Clock(monkeypatch)
    steps = {"a": clock.step("a", 0.001, after_switch=0.015), "b": clock.step("b", 0.3)}
    found = measure.alternate(steps, seconds=0.0)
    assert found == {"a": pytest.approx(0.001), "b": pytest.approx(0.3)}


def test_sides_take_turns(monkeypatch):
    clock = Clock(monkeypatch)
    steps = {name: clock.step(name, 1.0) for name in "ab"}
    measure.alternate(steps, seconds=0.0)
    assert "".join(clock.log) == "aabb" * measure.LEAST_ROUNDS  # one thrown away, one timed


def test_it_ends_when_time_is_up(monkeypatch):
    clock = Clock(monkeypatch)
    measure.alternate({"a": clock.step("a", 1.0)}, seconds=15.0)
    assert len(clock.log) == 2 * 8  # rounds of two seconds


def fail():
    raise KeyError("lost")


@pytest.mark.skipif(not hasattr(os, "fork"), reason="no fork here")
@pytest.mark.filterwarnings("ignore:.*multi-threaded:DeprecationWarning")
class TestRunAlone:
    def test_the_result_comes_back_from_another_process(self):
        assert run_alone(os.getpid) != os.getpid()
        assert run_alone(divmod, 7, 2) == (3, 1)

    def test_an_error_comes_back(self):
        with pytest.raises(KeyError, match="lost"):
            run_alone(fail)

    def test_a_death_is_an_error(self):
        with pytest.raises(RuntimeError, match="_exit: process died"):
            run_alone(os._exit, 3)
