import sys

from clearconv import machine


def test_a_limit_on_the_process_counts_where_it_is_lower(monkeypatch):
    assert machine.allowed_memory() <= machine.memory()
    monkeypatch.setattr(machine.resource, "getrlimit", lambda which: (2**20, 2**30))
    assert machine.allowed_memory() == 2**20
    monkeypatch.setattr(machine.resource, "getrlimit", lambda which: (2**62, 2**62))
    assert machine.allowed_memory() == machine.memory()


def test_what_a_system_does_not_say_is_taken_for_unlimited(monkeypatch):
    monkeypatch.setattr(machine, "resource", None)
    monkeypatch.delattr(machine.os, "sysconf")
    monkeypatch.delattr(machine.os, "sched_getaffinity", raising=False)
    assert machine.memory() == machine.allowed_memory() == sys.maxsize
    assert machine.peak_memory() == 0
    assert machine.cores() >= 1


def test_the_peak_is_in_bytes():
    block = bytearray(64 << 20)
    assert machine.peak_memory() >= len(block)
