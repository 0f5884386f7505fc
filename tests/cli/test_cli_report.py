"""Tables: aligned, within the screen, whatever the number and the script of the classes."""

import numpy as np

from clearconv.cli.screen.evaluation import accuracy, class_names, sureness, tables
from clearconv.train import Evaluation
from clearconv.words import printable, table, width


def evaluation(classes, labels, predictions):
    """Return an evaluation in which every prediction is 60 % sure."""
    probabilities = np.full((len(labels), len(classes)), 0.4 / (len(classes) - 1))
    probabilities[np.arange(len(labels)), predictions] = 0.6
    files = tuple(f"{classes[label]}/{i}.jpg" for i, label in enumerate(labels))
    return Evaluation(tuple(classes), files, np.array(labels), probabilities, 0.5)


def test_by_hand():
    """Three dogs, one taken for a panda; two pandas; no bird, but one panda taken for one."""
    found = evaluation(["dog", "panda", "bird"], [0, 0, 0, 1, 1], [0, 1, 0, 1, 2])
    assert "\n".join(tables(found, "see x")) == (
        "Confusion: rows are true classes, columns are predicted classes\n"
        "true \\ predicted  dog  panda  bird\n"
        "----------------------------------\n"
        "dog                 2      1     0\n"
        "panda               0      1     1\n"
        "bird                0      0     0\n"
        "\n"
        "class  images  precision  recall\n"
        "--------------------------------\n"
        "dog         3      1.000   0.667\n"
        "panda       2      0.500   0.500\n"
        "bird        0      0.000       -\n"
        "\n"
        "2 images misclassified, most confident first:\n"
        "true   predicted  probability  file\n"
        "------------------------------------------\n"
        "dog    panda            0.600  dog/1.jpg\n"
        "panda  bird             0.600  panda/4.jpg"
    )
    assert accuracy(found) == "test accuracy 0.6000 (3 of 5); not tested: bird"


def test_nothing_wrong():
    found = evaluation(["a", "b"], [0, 1], [0, 1])
    assert list(tables(found, ""))[-1] == "No image was misclassified."
    assert accuracy(found) == "test accuracy 1.0000 (2 of 2)"


def test_few_images_are_called_few():
    """By Wilson's formula 7 of 8 gives 0.5291 to 0.9776, and 45 of 50 0.7864 to 0.9565."""
    few = evaluation(["a", "b"], [0] * 8, [0] * 7 + [1])
    assert list(sureness(few, "find more")) == [
        "8 test images are few: the true accuracy may lie anywhere from 0.53 to 0.98; find more",
        "95 % interval 0.5291 to 0.9776",
    ]
    one = evaluation(["a", "b"], [0], [0])
    assert next(sureness(one)).startswith(
        "1 test image is too few: the true accuracy may lie anywhere"
    )
    enough = evaluation(["a", "b"], [0] * 50, [0] * 45 + [1] * 5)
    assert list(sureness(enough, "find more")) == ["95 % interval 0.7864 to 0.9565"]


def test_many_mistakes_are_counted():
    found = evaluation(["a", "b"], [0] * 30, [1] * 30)
    lines = list(tables(found, "all are in result.json"))
    assert lines[-1] == "... and 10 more; all are in result.json"
    assert sum(line.endswith(".jpg") for line in lines) == 20


def test_long_names_become_numbers():
    names = [f"a rather long name {letter}" for letter in "abcdef"]
    lines = list(tables(evaluation(names, [0, 1, 5], [0, 2, 5]), ""))
    assert lines[1].split() == ["true", "\\", "predicted", "1", "2", "3", "4", "5", "6"]
    assert lines[4].split() == ["2", *names[1].split(), "0", "0", "1", "0", "0", "0"]
    assert max(map(len, lines[:10])) < 80


def test_very_many_classes_show_their_confusions():
    names = [f"c{number}" for number in range(100)]
    lines = list(tables(evaluation(names, [7, 7, 7, 9], [8, 8, 7, 1]), ""))
    assert lines[0] == "Most frequent confusions"
    assert [line.split() for line in lines[3:5]] == [["c7", "c8", "2"], ["c9", "c1", "1"]]
    assert lines[5] == ""


def test_wide_characters_are_aligned():
    lines = table(("class", "n"), [("狗", 1), ("熊猫", 12), ("bird", 3)], right=(1,))
    assert {width(line) for line in lines} == {9}


def test_printable():
    assert printable("a\x1b[2J\n\udcff狗") == "a\\x1b[2J\\n\\udcff狗"


def test_class_names():
    assert class_names(("dog", "cat")) == "dog, cat"
    assert class_names(tuple("abcdefghijkl")) == "a, b, c, d, e, f, g, h, i, j, ... and 2 more"
