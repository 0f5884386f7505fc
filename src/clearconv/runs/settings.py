"""Everything that determines a run, with good defaults for each kind of data."""

from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, fields, replace
from math import inf
from typing import Any, Literal, Self, get_args

from clearconv.data import Augmentation
from clearconv.errors import ArgumentError, RunError
from clearconv.models import MODELS, default_for
from clearconv.ops.tellings import BACKENDS
from clearconv.optim import SCHEDULES
from clearconv.runs.given import Given

OPTIMISERS = ("sgd", "adam", "adamw")

#: Treatments of images whose shape differs from the network's.
Resize = Literal["crop", "squash", "letterbox"]
RESIZES: tuple[str, ...] = get_args(Resize)

#: The name of the user's own network among the names of models.
OWN = "own"

#: Defaults for each kind of data. ``docs/training.md`` says how the recipes were found. For
#: arrays nobody knows whether a crop preserves the class.
DEFAULTS: Mapping[str, Given] = {
    "photos": Given(
        epochs=100,
        batch_size=32,
        lr=3e-3,
        weight_decay=0.05,
        label_smoothing=0.1,
        augmentation=Augmentation.photos(),
    ),
    "idx": Given(
        epochs=10,
        batch_size=64,
        lr=2e-3,
        weight_decay=0.05,
        label_smoothing=0.1,
        augmentation=Augmentation(crop=(0.7, 1.0)),
    ),
    "arrays": Given(epochs=10, batch_size=64, lr=2e-3, weight_decay=0.05),
    "digits": Given(epochs=30, batch_size=32, lr=3e-3, weight_decay=0.05),
}


def _is_whole(value: Any) -> bool:
    plain = isinstance(value, int) and not isinstance(value, bool)
    return plain and -(2**63) <= value < 2**63


def _is_number(value: Any) -> bool:
    return isinstance(value, float) or _is_whole(value)


def _all(fits: Callable[[Any], bool]) -> Callable[[Any], bool]:
    return lambda value: isinstance(value, list | tuple) and all(map(fits, value))


def _is_text(value: Any) -> bool:
    return isinstance(value, str)


#: The kind of each setting.
_KINDS: tuple[tuple[tuple[str, ...], Callable[[Any], bool], str], ...] = (
    (
        ("epochs", "batch_size", "image_size", "seed", "patience", "threads"),
        _is_whole,
        "a whole number",
    ),
    (
        (
            *("lr", "momentum", "weight_decay", "warmup", "label_smoothing", "dropout"),
            "save_every",
        ),
        _is_number,
        "a number",
    ),
    (
        ("batch_norm", "nesterov", "class_weights"),
        lambda value: isinstance(value, bool),
        "True or False",
    ),
    (("data", "start", "split"), _is_text, "text"),
    (("freeze",), lambda value: _is_whole(value) or _is_text(value), "a number or a layer's name"),
    (("classes",), _all(_is_text), "a list of names"),
    (("ratios",), _all(_is_number), "three numbers"),
    (("augmentation",), lambda value: isinstance(value, Augmentation), "an Augmentation"),
)
#: Settings that may be None.
_OPTIONAL = ("start", "classes", "dropout", "image_size", "patience", "split", "threads")

#: Replacements for the above with other optimisers than AdamW.
OPTIMISER_DEFAULTS: Mapping[str, Given] = {
    "adamw": Given(),
    "adam": Given(weight_decay=0.0),
    "sgd": Given(lr=0.02, weight_decay=5e-4),
}

#: Share of that learning rate for a network that is already trained.
FINE_TUNING = 1 / 3


@dataclass(frozen=True)
class Settings:
    """The model, the data, and how to train. The same settings give the same weights.

    Attributes
    ----------
    data : str
        A folder, or "digits".
    model : str
        A name in ``clearconv.models.MODELS``, or "own" for the user's own network.
    start : str, optional
        Run folder or model file to start from, which brings layers, weights and preprocessing.
        Files of others are opened by ``clearconv.exchange.start_from``.
    freeze : int or str
        Argument of ``Sequential.freeze``: the number of first layers and blocks that are kept as
        they are, or the name of the first one that is not.
    classes : tuple of str, optional
        Classes in order; all by default.
    batch_norm : bool
        Whether the model normalises after each convolution.
    dropout : float, optional
        Share of features dropped in training; by default the model's own.
    resize : {"crop", "squash", "letterbox"}, optional
        How an image of another shape is fitted to the network's input: its middle in the input's
        shape; all of it, out of proportion; or all of it, in proportion, with the rest of the input
        filled. By default photographs are cropped and arrays squashed; a run that starts from an
        earlier model does as that one did.
    image_size : int, optional
        Height and width that the network sees; by default the model's own.
    epochs : int
        Number of epochs.
    batch_size : int
        Batch size.
    optimiser : {"sgd", "adam", "adamw"}
        Update rule.
    lr : float
        Peak learning rate of the schedule.
    momentum : float
        Momentum of SGD.
    nesterov : bool
        Whether SGD uses Nesterov momentum.
    weight_decay : float
        Weight decay.
    schedule : {"constant", "step", "cosine", "one_cycle"}
        Course of the learning rate after the warm-up.
    warmup : float
        Share of the run in which the learning rate rises.
    label_smoothing : float
        Share of the target spread over all classes.
    class_weights : bool
        Whether rare classes count more in the loss, so that all classes count equally; the epoch
        to keep is then chosen by the mean recall instead of the accuracy.
    augmentation : Augmentation
        Random variations of the training images.
    seed : int
        Seed of the split, the initial weights, the order, the augmentation and dropout.
    patience : int, optional
        Number of epochs without a better validation after which to stop; None never stops early.
    ratios : (int, int, int)
        Ratios of the training, validation and test part, if the data bring no split.
    split : str, optional
        Path of a split file.
    allow_twins_apart : bool
        Whether copies of a picture may be in several parts; the test then also measures memory.
    save_every : float
        Seconds between checkpoints within an epoch (0: after every step). It changes no bit.
    backend : {"loops", "matrix", "native"}, optional
        The telling that computes; by default native if it is compiled, else matrix.
    threads : int, optional
        Number of threads for the compiled kernels and the image decoder; all cores by default.
    """

    data: str
    model: str
    start: str | None = None
    freeze: int | str = 0
    classes: tuple[str, ...] | None = None
    batch_norm: bool = False
    dropout: float | None = None
    resize: Resize | None = None
    image_size: int | None = None
    epochs: int = 10
    batch_size: int = 32
    optimiser: str = "adamw"
    lr: float = 1e-3
    momentum: float = 0.9
    nesterov: bool = False
    weight_decay: float = 0.0
    schedule: str = "cosine"
    warmup: float = 0.1
    label_smoothing: float = 0.0
    class_weights: bool = False
    augmentation: Augmentation = Augmentation.none()
    seed: int = 0
    patience: int | None = None
    ratios: tuple[int, int, int] = (8, 1, 1)
    split: str | None = None
    allow_twins_apart: bool = False
    save_every: float = 60.0
    backend: str | None = None
    threads: int | None = None

    def __post_init__(self) -> None:
        """Check what can be checked before the data are read."""
        for name, known in (
            ("model", (*MODELS, OWN)),
            ("optimiser", OPTIMISERS),
            ("schedule", SCHEDULES),
            ("backend", (None, *BACKENDS)),
            ("resize", (None, *RESIZES)),
        ):
            if getattr(self, name) not in known:
                listed = ", ".join(str(item) for item in known if item is not None)
                raise ArgumentError(f"`{name}={getattr(self, name)!r}` is not known; use {listed}.")
        for names, fits, expected in _KINDS:
            for name in names:
                value = getattr(self, name)
                if not fits(value) and not (value is None and name in _OPTIONAL):
                    raise ArgumentError(f"`{name}={value!r}`, but it must be {expected}.")
        for name, right, expected in (
            ("epochs", self.epochs >= 1, "at least 1"),
            ("batch_size", self.batch_size >= 1, "at least 1"),
            ("lr", 0 < self.lr < inf, "more than 0, and finite"),
            ("weight_decay", 0 <= self.weight_decay < inf, "at least 0, and finite"),
            ("momentum", 0 <= self.momentum < 1, "at least 0 and less than 1"),
            ("warmup", 0 <= self.warmup < 1, "a share of the run, at least 0 and less than 1"),
            ("label_smoothing", 0 <= self.label_smoothing < 1, "at least 0 and less than 1"),
            ("dropout", 0 <= (self.dropout or 0) < 1, "at least 0 and less than 1"),
            ("patience", self.patience is None or self.patience >= 1, "at least 1"),
            ("save_every", 0 <= self.save_every < inf, "at least 0 seconds, and finite"),
            ("threads", self.threads is None or self.threads >= 1, "at least 1"),
            ("image_size", self.image_size is None or self.image_size >= 1, "at least 1"),
        ):
            if not right:
                raise ArgumentError(f"`{name}={getattr(self, name)!r}`, but it must be {expected}.")
        if self.schedule == "one_cycle" and self.warmup:
            raise ArgumentError(
                f"`warmup={self.warmup:g}` cannot go with `schedule='one_cycle'`, which has a "
                "warm-up of its own. Leave the warm-up out, or choose another schedule."
            )
        if self.nesterov and self.optimiser != "sgd":
            raise ArgumentError(
                f"`nesterov` is sgd's, but `optimiser={self.optimiser!r}`. Leave it out, or use "
                "sgd."
            )
        if self.model == OWN and (self.batch_norm or self.dropout):
            raise ArgumentError(
                "batch_norm and dropout are options of the bundled models; in a network of your "
                "own put BatchNorm2d() and Dropout() where you want them."
            )
        if self.freeze and self.start is None and self.model != OWN:
            raise ArgumentError(
                f"`freeze={self.freeze!r}` would keep the random weights of an untrained "
                "network. Also give the run to start from (`start=RUN`), or leave it "
                "out."
            )

    @property
    def network(self) -> str:
        """Return the name of the network."""
        return "a network of your own" if self.model == OWN else self.model

    @property
    def keeps_twins_together(self) -> bool:
        """Whether copies of a picture stay in one part, unless the data bring their own split."""
        return self.split is None and not self.allow_twins_apart

    @classmethod
    def for_data(cls, kind: str, data: str, given: Given) -> Self:
        """Return the defaults for a kind of data, replaced by the given values.

        Parameters
        ----------
        kind : {"photos", "idx", "arrays", "digits"}
            ``Source.kind``.
        data : str
            Folder, or "digits".
        given : Given
            What the caller gives.

        Returns
        -------
        Settings

        Raises
        ------
        ArgumentError
            If a setting is not possible, or would have no effect.
        """
        optimiser = given.optimiser or "adamw"
        if given.momentum is not None and optimiser != "sgd":
            raise ArgumentError(
                f"`momentum` is sgd's, but `optimiser={optimiser!r}`. Leave it out, or use sgd."
            )
        for name in ("ratios", "allow_twins_apart"):
            if given.split is not None and getattr(given, name) is not None:
                raise ArgumentError(
                    f"`split` names the parts, so `{name}` has no effect: give one of them."
                )
        usual = Given(model=default_for(kind), augmentation=Augmentation.none())
        usual = DEFAULTS[kind].over(usual)
        usual = OPTIMISER_DEFAULTS.get(optimiser, Given()).over(usual)
        if given.schedule == "one_cycle":
            usual = replace(usual, warmup=0.0)  # it has a warm-up of its own
        if given.start is not None:
            assert isinstance(usual.lr, float)
            usual = replace(usual, lr=round(usual.lr * FINE_TUNING, 6))
        chosen = dict(given.over(usual).items())
        if given.augmentation is not None:
            chosen["augmentation"] = _augmentation(given.augmentation, usual.augmentation)
        return cls(data=data, **chosen)

    def to_dict(self) -> dict[str, Any]:
        """Return plain data, for JSON."""
        return {**asdict(self), "augmentation": self.augmentation.to_dict()}

    @classmethod
    def from_dict(cls, plain: Mapping[str, Any]) -> Self:
        """Return the settings that ``to_dict`` described.

        Raises
        ------
        RunError
            If a setting is unknown: the run was made by another version.
        """
        known = {item.name for item in fields(cls)}
        if unknown := sorted(plain.keys() - known):
            raise RunError(
                f"The run has settings that this clearconv does not know: {', '.join(unknown)}. "
                "Was it made by a newer version?"
            )
        composed: dict[str, Any] = {
            name: tuple(plain[name])
            for name in ("classes", "ratios")
            if isinstance(plain.get(name), list)
        }
        if "augmentation" in plain:
            composed["augmentation"] = _augmentation(plain["augmentation"])
        return cls(**{**plain, **composed})


def _augmentation(given: Any, usual: Any = None) -> Augmentation:
    """Return the augmentation that a dictionary describes; what it leaves out is as `usual`."""
    if isinstance(given, Augmentation):
        return given
    if not isinstance(given, Mapping):
        raise ArgumentError(
            f"`augmentation={given!r}`, but it must be a dictionary, such as {{'flip': 0.5}}."
        )
    return Augmentation.from_dict({**(usual.to_dict() if usual else {}), **given})
