import pytest

from clearconv.errors import ArgumentError
from clearconv.optim import SCHEDULES, schedule


@pytest.mark.parametrize("name", SCHEDULES)
def test_factors_stay_within_zero_and_one_and_reach_one(name):
    factors = [schedule(name, 100)(step) for step in range(100)]
    assert min(factors) >= 0
    assert max(factors) == pytest.approx(1, abs=1e-3)


def test_cosine_by_hand():
    factor = schedule("cosine", 4)
    # shares 0, 1/4, 1/2, 3/4: (1 + cos 0)/2 = 1, (1 + 0.7071)/2, (1 + 0)/2, (1 - 0.7071)/2
    factors = [factor(step) for step in range(4)]
    assert factors == pytest.approx([1, 0.853553, 0.5, 0.146447], abs=1e-6)


def test_step_drops_at_its_shares():
    factor = schedule("step", 8, drops=(0.5, 0.75), gamma=0.1)
    assert [factor(step) for step in range(8)] == pytest.approx([1] * 4 + [0.1] * 2 + [0.01] * 2)


def test_one_cycle_climbs_then_falls():
    factors = [schedule("one_cycle", 100, rise=0.3)(step) for step in range(100)]
    assert factors[0] == pytest.approx(1 / 25)
    assert factors.index(max(factors)) == 30
    assert all(a < b for a, b in zip(factors[:30], factors[1:31], strict=True))
    assert all(a > b for a, b in zip(factors[30:], factors[31:], strict=False))


def test_warm_up_is_a_straight_line_before_the_schedule():
    factor = schedule("constant", 10, warmup=4)
    assert [factor(step) for step in range(6)] == pytest.approx([0.25, 0.5, 0.75, 1, 1, 1])


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("linear", 5), "constant, step, cosine, one_cycle"),
        (("cosine", 5, 6), "warm-up of 6 steps"),
        (("one_cycle", 5, 1), "has a warm-up of its own"),
    ],
)
def test_what_does_not_work_says_so(arguments, words):
    with pytest.raises(ArgumentError, match=words):
        schedule(*arguments)
