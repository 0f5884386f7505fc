"""The command line: ``clearconv train photos/`` and the other commands, one file each.

``main`` knows every command's name and one-line help; a command's own module, and with it NumPy,
is imported only when that command runs, so that ``clearconv --help`` answers at once.
"""

from clearconv.cli.frame import Commands

__all__ = ["main"]

main = Commands(
    {
        "plan": "Look at data before training: contents, copies, time, memory.",
        "train": "Train a classifier on a folder of images.",
        "evaluate": "Test a trained model on images with known classes.",
        "predict": "Predict the class of new images.",
        "explain": "Show which parts of an image support its class.",
        "glassbox": "Write a pass as a page that shows where every number comes from.",
        "report": "Write a run's results as a page.",
        "export": "Write a trained model as an ONNX file.",
        "verify": "Run an exported file in several engines.",
        "import": "Read a network from an ONNX file.",
        "models": "List the bundled networks: parameters, input, what each is for.",
        "weights": "List pretrained weights to start from, or get them.",
        "summary": "List a model's layers, shapes and parameters.",
        "doctor": "Find the mistake in your own backward pass.",
        "show": "Show how an operation works: formula, worked case, source of each telling.",
    },
    folders=dict.fromkeys(("export", "verify", "import", "weights"), "exchange"),
)
