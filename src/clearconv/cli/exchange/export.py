"""``clearconv export runs/photos-1``: a trained model as an ONNX file."""

from pathlib import Path

import click

from clearconv.cli.flags.kinds import RunPath
from clearconv.cli.frame import command
from clearconv.runs import files
from clearconv.words import amount, printable


@command(
    """
    clearconv export runs/photos-1
    clearconv export runs/photos-1 --out birds.onnx --batch
    clearconv export runs/photos-1 --out small.onnx --weights float16
    clearconv export runs/photos-1 --out network.onnx --input tensor
    """
)
@click.argument("run", type=RunPath())
@click.option(
    "--out",
    metavar="FILE.onnx",
    type=click.Path(path_type=Path),
    help=f"The file to write. Default: {files.ONNX} in the run folder.",
)
@click.option(
    "--input",
    type=click.Choice(["image", "tensor"]),
    default="image",
    show_default=True,
    help="Take pictures of any size (uint8) and prepare them, or take what the network sees.",
)
@click.option("--batch", is_flag=True, help="Take any number of inputs at once.")
@click.option(
    "--batch-norm",
    type=click.Choice(["fold", "keep"]),
    default="fold",
    show_default=True,
    help="Make batch norms a part of the filters before them, or keep them as operators.",
)
@click.option(
    "--weights",
    type=click.Choice(["float32", "float16", "bf16"]),
    default="float32",
    show_default=True,
    help="Dtype in which weights are kept; everything is computed in float32.",
)
@click.option("--abstain", is_flag=True, help="Say also when the model gives no answer.")
@click.option(
    "--opset",
    metavar="N",
    type=int,
    default=17,
    show_default=True,
    help="Version of ONNX's operators, from 13 on.",
)
def export(
    run: Path,
    out: Path | None,
    input: str,
    batch: bool,
    batch_norm: str,
    weights: str,
    abstain: bool,
    opset: int,
) -> None:
    """Write the model of RUN as an ONNX file, which other programs run.

    RUN is a run folder or a model file. The file holds the preprocessing, the labels, and a golden
    picture with its logits: `clearconv verify FILE.onnx` tests it.
    """
    from clearconv.exchange.onnx.writing.run import export_run

    options = {"input": input, "batch": batch, "batch_norm": batch_norm, "weights": weights}
    file = export_run(run, out, abstain=abstain, **options, opset=opset)
    click.echo(f"{printable(file)} ({amount(file.stat().st_size)})")
    click.echo(f"verify    clearconv verify {printable(file)}")
