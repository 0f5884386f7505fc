"""Window: output sizes, padding in every form, and what it refuses."""

import numpy as np
import pytest
from geometry import FEW, geometries, positions
from hypothesis import given
from hypothesis import strategies as st

from clearconv.errors import ShapeError
from clearconv.ops.geometry.taps import inside, taps, touches
from clearconv.ops.geometry.window import Window


@pytest.mark.parametrize(
    ("size", "kernel", "stride", "padding", "output"),
    [
        ((4, 4), 3, 1, 0, (2, 2)),  # (4 + 0 - 3) / 1 + 1 = 2
        ((4, 4), 3, 1, 1, (4, 4)),  # (4 + 2 - 3) / 1 + 1 = 4
        ((4, 4), 2, 1, 0, (3, 3)),
        ((5, 5), 3, 2, 0, (2, 2)),
        ((5, 5), 3, 2, 1, (3, 3)),
        ((7, 8), 3, 3, 0, (2, 2)),  # (7 - 3) / 3 and (8 - 3) / 3, both rounded down, + 1
        ((224, 112), (7, 3), (2, 1), (3, 1), (112, 112)),
    ],
)
def test_output_size_of_the_articles(size, kernel, stride, padding, output):
    assert Window.of("test", size, kernel, stride, padding).output == output


def test_every_form_of_padding():
    def sides(padding, kernel=3, size=(5, 6), stride=1):
        return Window.of("test", size, kernel, stride, padding).padding

    assert sides(2) == ((2, 2), (2, 2))
    assert sides((2, 1)) == ((2, 2), (1, 1))
    assert sides(((1, 2), (3, 0))) == ((1, 2), (3, 0))
    assert sides([[1, 2], [3, 0]]) == ((1, 2), (3, 0))
    assert sides("valid") == ((0, 0), (0, 0))
    assert sides("same") == ((1, 1), (1, 1))
    assert sides("same", kernel=(4, 2)) == ((1, 2), (0, 1))  # the odd one at bottom and right
    assert sides("same", stride=2) == ((1, 1), (0, 1))  # 5 rows: -1 1 3; 6 columns: 0 2 4
    assert sides("same", kernel=1, stride=3) == ((0, 0), (0, 0))
    assert sides(np.int64(1)) == ((1, 1), (1, 1))


@FEW
@given(geometries())
def test_output_and_taps_are_what_a_walking_window_finds(drawn):
    size, options = drawn
    window = Window.of("test", size, *options.values())
    expected = [
        positions(
            size[a], window.kernel[a], window.stride[a], window.padding[a], window.dilation[a]
        )
        for a in (0, 1)
    ]
    assert window.output == (len(expected[0]), len(expected[1]))
    if options["padding"] == "same":
        assert window.output == tuple(-(-size[a] // window.stride[a]) for a in (0, 1))
    by_element = {k: (outputs, pixels) for k, outputs, pixels in taps(window)}
    rows, cols = np.arange(size[0]), np.arange(size[1])
    for p, q in np.ndindex(*window.output):
        seen = {
            (i, j, row, col)
            for i, row in enumerate(expected[0][p])
            for j, col in enumerate(expected[1][q])
            if row is not None and col is not None
        }
        assert set(window.taps(p, q)) == seen
        # and the same from the side of the elements, whole blocks at a time
        again = set()
        for k, (outputs, pixels) in by_element.items():
            if p in range(*outputs[0].indices(p + 1)) and q in range(*outputs[1].indices(q + 1)):
                row = rows[pixels[0]][p - outputs[0].start]
                col = cols[pixels[1]][q - outputs[1].start]
                again.add((*divmod(k, window.kernel[1]), row, col))
        assert again == seen
    for axis in (0, 1):
        found = np.array([[pixel is not None for pixel in line] for line in expected[axis]])
        assert np.array_equal(inside(window, axis), found)
        assert touches(window, axis) == bool(found.any(axis=1).all())


@pytest.mark.parametrize(
    ("size", "kernel", "stride", "padding", "output"),
    [
        (6, 3, 2, 0, 3),  # starts 0, 2, 4: the last hangs over by one
        (7, 3, 2, 0, 3),  # fits exactly
        (5, 2, 2, 1, 3),  # starts -1, 1, 3; one at 5 would see no pixel and is dropped
        (4, 1, 3, 0, 2),  # starts 0, 3
        (6, 3, 2, 1, 4),  # starts -1, 1, 3, 5
        (2, 4, 3, 0, 1),  # starts 0 and hangs over by two, less than the stride
    ],
)
def test_ceil_mode(size, kernel, stride, padding, output):
    window = Window.of("test", (size, size), kernel, stride, padding, ceil_mode=True)
    assert window.output == (output, output)
    end = (output - 1) * stride + kernel
    assert window.padded == (max(end, size + 2 * padding),) * 2


def test_reach():
    assert Window.of("test", (9, 9), (3, 2), dilation=(2, 4)).reach == (5, 5)


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"kernel": 0}, "kernel_size=0, but it must be an integer of at least 1"),
        ({"kernel": (3, 3, 3)}, "kernel_size=(3, 3, 3)"),
        ({"kernel": 2.0}, "kernel_size=2.0"),
        ({"kernel": 3, "stride": 0}, "stride=0, but it must be an integer of at least 1"),
        ({"kernel": 3, "stride": True}, "stride=True"),
        ({"kernel": 3, "dilation": (1, -1)}, "dilation=(1, -1)"),
        ({"kernel": 3, "padding": -1}, "padding=-1, but it must be an integer of at least 0"),
        ({"kernel": 3, "padding": "full"}, "padding='full'"),
        ({"kernel": 3, "padding": (1, 2, 3)}, "padding=(1, 2, 3)"),
        ({"kernel": 3, "padding": ((1, 2), (3,))}, "padding=((1, 2), (3,))"),
        ({"kernel": 6}, "the input's height is 5, with padding 5, but the window spans 6"),
        ({"kernel": (3, 5), "dilation": 2}, "the input's width is 6, with padding 6"),
        ({"kernel": 7, "stride": 2, "ceil_mode": True}, "the input's height is 5, with padding 5"),
    ],
)
def test_what_does_not_fit_is_said(settings, message):
    with pytest.raises(ShapeError) as error:
        Window.of("max_pool2d.forward", (5, 6), **settings)
    assert str(error.value).startswith("max_pool2d.forward: ")
    assert message in str(error.value)


def test_what_was_right_before_lets_nothing_wrong_pass():
    assert Window.of("test", (5, 6), (1, 2), 1, 1) is Window.of("test", (5, 6), [1, 2], 1, (1, 1))
    for wrong in ({"stride": True}, {"stride": 1.0}, {"stride": (1, True)}, {"padding": (1, 1.0)}):
        with pytest.raises(ShapeError):
            Window.of("test", (5, 6), (1, 2), **{"stride": 1, "padding": 1, **wrong})
    with pytest.raises(TypeError):
        Window.of("test", (5.0, 6), (1, 2), 1, 1)


def test_numbers_are_rows_and_columns_in_turn():
    window = Window.of("test", (9, 8), (3, 2), (2, 1), ((1, 2), (3, 4)), (1, 2))
    assert window.numbers == (9, 8, 3, 2, 2, 1, 1, 2, 1, 3, 2, 4, *window.output)


@FEW
@given(*(st.integers(1, 7) for _ in range(4)), st.integers(0, 9), st.integers(0, 9), st.booleans())
def test_touches_with_any_holes_and_padding(size, kernel, stride, dilation, before, after, ceil):
    sides = ((before, after), (0, 0))
    if size + before + after > dilation * (kernel - 1):
        window = Window.of("test", (size, 1), (kernel, 1), (stride, 1), sides, (dilation, 1), ceil)
        assert touches(window, 0) == bool(inside(window, 0).any(axis=1).all())


@pytest.mark.parametrize(
    "settings",
    [{"padding": 2**40}, {"stride": 2**21}, {"dilation": 2**41, "padding": 2**40}],
)
def test_sizes_that_no_kernel_could_count_are_refused(settings):
    with pytest.raises(ShapeError, match="Is one of these numbers a mistake"):
        Window.of("test", (3, 3), 2, **settings)
