"""Which treatment of other shapes than the input's is proposed, and why."""

import numpy as np
import pytest
from test_survey import pictures

from clearconv.planning import plan
from clearconv.planning.shapes import shapes_of


def test_what_a_crop_cuts_by_hand():
    """A square input: 2:1 loses a half, 4:3 a quarter, 3:4 a quarter, a square nothing."""
    found = shapes_of(np.array([[100, 200], [90, 120], [120, 90], [50, 50]]), (32, 32))
    assert (found.narrowest, found.widest) == (0.75, 2)
    assert found.median == pytest.approx((1 + 4 / 3) / 2)
    assert found.cut == pytest.approx(0.25) and found.most == pytest.approx(0.5)
    # to an input twice as wide as high, 2:1 loses nothing and 3:4 five eighths
    wide = shapes_of(np.array([[100, 200], [120, 90]]), (32, 64))
    assert wide.cut == pytest.approx(5 / 16)


@pytest.mark.parametrize(
    ("shapes", "proposed"),
    [
        ([(30, 40)] * 9 + [(40, 90)], "crop"),
        ([(90, 160)] * 10, "squash"),
        ([(90, 160)] * 5 + [(160, 90)] * 5, "letterbox"),
        ([(100, 200)] * 5 + [(100, 300)] * 5, "letterbox"),
        ([(10, 100)] * 5 + [(100, 10)] * 5, "squash"),
    ],
)
def test_what_is_proposed(shapes, proposed):
    found = shapes_of(np.array(shapes), (64, 64))
    assert found.proposed == proposed
    assert found.why


def test_the_plan_measures_and_proposes(tmp_path):
    for label, size in (("a", (30, 60)), ("b", (60, 30))):
        pictures(tmp_path, label, 10, size, seed=ord(label))
    given = {"image_size": 8, "model": "digits_cnn", "epochs": 1}
    text = str(plan(tmp_path, **given))
    assert "shapes      0.50 to 2.00, median 1.25 (width / height)" in text
    assert "cuts 50% of a typical image, and 50% or more of every tenth" in text
    assert "proposed: `resize='letterbox'`; shapes differ" in text
    assert "Advice: the network sees only the middle of each image, without 50%" in text
    assert "consider `resize='letterbox'`" in text
    followed = plan(tmp_path, resize="letterbox", **given)
    assert not any("middle" in line for line in followed.survey.advice)
    assert followed.survey.cropped == 0
    assert followed.to_dict()["survey"]["shapes"]["proposed"] == "letterbox"


def test_images_of_the_inputs_shape_need_no_proposal():
    assert "proposed" not in str(plan("digits", epochs=1))
