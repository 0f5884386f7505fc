"""What a message from below says of settings is printed as the flags that give them."""

import click
import pytest

from clearconv.cli import main
from clearconv.cli.flags.options import TRAIN
from clearconv.cli.flags.spelling import flags_of, spelled, translated


def command(name):
    return main.get_command(click.Context(main), name)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("a lower `lr`", "a lower --lr"),
        ("a larger `weight_decay`, or `patience`.", "a larger --weight-decay, or --patience."),
        ("(`lr=0.003`)", "(--lr 0.003)"),
        ("`lr=1e+05`, or `lr='auto'`.", "--lr 1e+05, or --lr auto."),
        ("consider `folds=7`, which", "consider --folds 7, which"),
        ("`allow_twins_apart=True`", "--allow-twins-apart"),
        ("`batch_norm=False`", "--no-batch-norm"),
        ("`start=RUN`", "--from RUN"),
        ("`start='my run'`", "--from 'my run'"),
        ("`ratios=(8, 1, 1)`", "--ratios 8:1:1"),
        ("`classes=('dog', 'a, b')`", "--classes 'dog,\"a, b\"'"),
        ("`classes=('A', 'B', ..., 'test')`", "--classes A,B,...,test"),
        ("`augmentation={'flip': 0, 'crop': None}`", "--no-flip --crop 1"),
        ("`augmentation={'crop': (0.5, 1)}`", "--crop 0.5"),
        ("`clearconv.train.resume('a b')`", "clearconv train --resume 'a b'"),
        ("`clearconv.train.resume('r', data=DATA)`", "clearconv train --resume r DATA"),
        ("`clearconv.train.train(DATA)` without `split`", "clearconv train DATA without --split"),
        ("(`resume('r')`)", "(--resume r)"),
    ],
)
def test_a_setting_is_called_by_its_flag(text, said):
    assert translated(text, flags_of(TRAIN)) == said


@pytest.mark.parametrize(
    "text",
    [
        "`nothing` of `this=1` is a setting",
        "`augmentation={'flip': 0.3}` and `ratios=(0.8, 0.1, 0.1)` have no flag",
        "`maps=range()`, `f(x)`, `lr.x`, `((`, `*`, `lr=",
        "a`lr`b.jpg",
        "photos/`lr`/1.png and `lr`.png are files",
    ],
)
def test_other_words_stay(text):
    assert translated(text, flags_of(TRAIN)) == text


def test_a_command_calls_its_own_options_by_its_own_flags():
    text = "`layers=['a', 'b'], maps=range(4, 8)`, `layers`, `lr`"
    said = "--layer a --layer b --maps 4-7, --layer, --lr"
    assert spelled(text, command("glassbox")) == said
    assert spelled("`lr`") == "--lr", "where no command is running"
