"""``clearconv import resnet18.onnx``: a network from somebody else's file."""

import re
from pathlib import Path

import click

from clearconv.cli.flags.spelling import quoted
from clearconv.cli.frame import command
from clearconv.words import amount, counted, printable


def _shape(
    ctx: click.Context, option: click.Parameter, value: str | None
) -> tuple[int, ...] | None:
    """Read ``3x224x224``."""
    if value is None:
        return None
    if not re.fullmatch(r"[1-9]\d{0,8}(x[1-9]\d{0,8})*", value):
        raise click.BadParameter(f"{value!r}; write channels, height and width: 3x224x224.")
    return tuple(map(int, value.split("x")))


def _numbers(
    ctx: click.Context, option: click.Parameter, value: str | None
) -> tuple[float, ...] | None:
    """Read ``0.485,0.456,0.406``."""
    try:
        return None if value is None else tuple(map(float, value.split(",")))
    except ValueError:
        raise click.BadParameter(
            f"{value!r}; write a number for each channel: 0.485,0.456,0.406."
        ) from None


@command(
    """
    clearconv import resnet18.onnx
    clearconv import net.onnx --input 3x224x224 --output logits
    clearconv import net.onnx --labels names.txt --mean 0.5,0.5,0.5
    """
)
@click.argument("file", metavar="FILE.onnx", type=click.Path(path_type=Path))
@click.option(
    "--out",
    metavar="FILE.safetensors",
    type=click.Path(path_type=Path),
    help="The model file to write. Default: beside FILE.onnx, with its name.",
)
@click.option("--output", metavar="NAME", help="Value to compute. Default: logits, or the first.")
@click.option(
    "--input",
    "input_shape",
    metavar="CxHxW",
    callback=_shape,
    help="Shape of one image, if the file leaves it open.",
)
@click.option(
    "--labels",
    metavar="FILE.txt",
    type=click.Path(path_type=Path),
    help="Names of the classes, one a line, in the order of the outputs.",
)
@click.option(
    "--mean",
    metavar="M,M,M",
    callback=_numbers,
    help="Subtracted from pixels/255 before the network sees them, one number a channel.",
)
@click.option(
    "--std", metavar="S,S,S", callback=_numbers, help="What the difference is divided by."
)
def import_(
    file: Path,
    out: Path | None,
    output: str | None,
    input_shape: tuple[int, ...] | None,
    labels: Path | None,
    mean: tuple[float, ...] | None,
    std: tuple[float, ...] | None,
) -> None:
    """Read the network in FILE.onnx and write it as a model file.

    A file that needs what is not supported is answered by a list of all of it. With the names of
    the classes and the scaling of the images, `clearconv predict` and `evaluate` can use the
    model. To train it further there is no need to import it:
    `clearconv train DATA --from FILE.onnx`.
    """
    from clearconv.exchange.onnx.reading.convert import import_onnx

    found = import_onnx(
        *(file, out),
        output=output,
        input_shape=input_shape,
        labels=labels,
        mean=mean,
        std=std,
    )
    model = found.model
    about = model.info["onnx"]
    parameters = sum(array.size for array in model.parameters.values())
    sizes = " -> ".join(
        " x ".join(map(str, shape)) for shape in (model.input_shape, model.output_shape)
    )
    click.echo(f"{printable(file)}: opset {about['opset']}, output {printable(about['output'])}")
    click.echo(
        f"{counted(sum(1 for _ in model.leaves()), 'layer')}, "
        f"{counted(parameters, 'parameter')}: {sizes}"
    )
    if not about["batched"]:
        click.echo("its operators mix images of a batch, so that one input is all that they take")
    click.echo(f"{printable(found.file)} ({amount(found.file.stat().st_size)})")
    click.echo(f"summary   clearconv summary {quoted(found.file)}")
    if found.predicts:
        click.echo(f"predict   clearconv predict {quoted(found.file)} IMAGES")
    else:
        click.echo(f"train     clearconv train DATA --from {quoted(file)}")
