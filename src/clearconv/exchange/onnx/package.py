"""The door to the packages onnx and onnxruntime, which an extra installs."""

import os
from importlib import import_module
from typing import Any

from clearconv.errors import ArgumentError


def onnx_package(part: str = "") -> Any:
    """Return the package onnx, or one of its modules.

    Parameters
    ----------
    part : str
        Name of the module inside the package, such as "helper".

    Returns
    -------
    module

    Raises
    ------
    ArgumentError
        If the package is not installed.
    """
    return _imported("onnx", part)


def onnxruntime_package() -> Any:
    """Return the package onnxruntime, which then reports nothing to its makers.

    From version 1.29 on, importing it on Linux writes an identifier of the device and a file of
    events into the user's cache, unless this variable is set before.

    Returns
    -------
    module

    Raises
    ------
    ArgumentError
        If the package is not installed.
    """
    os.environ["ORT_DISABLE_TELEMETRY"] = "1"
    return _imported("onnxruntime")


def _imported(package: str, part: str = "") -> Any:
    try:
        return import_module(f"{package}.{part}" if part else package)
    except ModuleNotFoundError as error:
        if error.name is None or error.name.split(".")[0] != package:
            raise
        raise ArgumentError(
            f"ONNX files need the package {package}, which is not installed. Install it: "
            "pip install 'clearconv[onnx]'"
        ) from None
