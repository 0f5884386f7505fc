"""The doctor's report in words: understood, right, wrong, why, instead."""

from collections.abc import Iterator, Sequence
from textwrap import wrap

from clearconv.doctor.counter import Counter
from clearconv.doctor.grids import blocks, number, pairs
from clearconv.doctor.kinds import KINDS, Slip
from clearconv.doctor.matching import Match
from clearconv.doctor.share import share, spoken, spoken_slip
from clearconv.doctor.signature import Call
from clearconv.doctor.verdict import Examination, Verdict
from clearconv.words import printable

_WIDTH = 79
_FAMILIES = {
    "article": "the article's interface",
    "activator": "the article's activator, one number at a time",
}
_USUAL = {"stride": (1, 1), "padding": (0, 0), "dilation": (1, 1)}
#: Inputs that a result does not depend on; they are not shown.
_UNUSED = {
    "y": {"grad_y"},
    "running_mean": {"grad_y", "gamma", "beta"},
    "running_var": {"grad_y", "gamma", "beta"},
    "grad_x": {"bias", "beta"},
    "grad_weight": {"bias", "weight"},
    "grad_bias": {"x", "weight", "bias"},
    "grad_gamma": {"gamma", "beta"},
    "grad_beta": {"x", "gamma", "beta"},
}
LOOKED_FOR = """\
The doctor looks for layers at the top level of a file, by names and arguments:

  functions    conv_forward_naive(x, w, b, conv_param) -> out, cache
               conv_backward_naive(dout, cache) -> dx, dw, db
               likewise pool, affine, relu, sigmoid, batchnorm, dropout;
               softmax_loss(x, y) -> loss, dx; im2col(...), col2im(...)
  classes      Convolution(W, b, stride, pad) with forward(x), backward(dout),
               dW, db; likewise Pooling, Affine, Relu, Sigmoid, Dropout,
               BatchNormalization, SoftmaxWithLoss
  the article  ConvLayer(input_width, input_height, ...), MaxPoolingLayer(...)
"""
#: How a function is named by hand, for callers of `examine`.
_BY_HAND = """\
Functions with other names are named by hand, in `functions`; read from text:

  conv2d.forward=my_conv
  conv2d.backward=my_grad(grad_y, x, weight) -> grad_x"""


def told(examination: Examination, by_hand: str = _BY_HAND) -> list[str]:
    """Return the report on a file, line by line.

    Parameters
    ----------
    examination : Examination
        Examination of the file.
    by_hand : str
        Lines that say how to name a function, if no layer is found.
    """
    name = examination.path.name
    if examination.unreadable:
        return _wrapped(f"{name} could not be examined: {examination.unreadable}.")
    if not examination.verdicts:
        notes = [line for note in examination.notes for line in _wrapped(f"Note: {note}")]
        return [
            f"{name}: no layer found.",
            *notes,
            "",
            *LOOKED_FOR.splitlines(),
            "",
            *by_hand.splitlines(),
        ]
    wrong = sum(not verdict.right for verdict in examination.verdicts)
    count = len(examination.verdicts)
    found = f"{count} {'layer' if count == 1 else 'layers'} found"
    fault = "all right" if not wrong else f"{wrong} with something wrong"
    lines = [f"{name}: {found}, {fault}" if wrong < count or count > 1 else f"{name}: {found}"]
    for note in examination.notes:
        lines += _wrapped(f"Note: {note}")
    for verdict in examination.verdicts:
        lines += ["", *_layer(verdict)]
    return lines


def title(verdict: Verdict) -> str:
    """Name a layer, and where it is."""
    found = verdict.found
    if found.family == "functions":
        calls = [f"{call.name} (line {call.lines[0]})" for call in found.calls.values()]
        return f"{found.kind}: {', '.join(dict.fromkeys(calls))}"
    return f"{found.kind}: class {found.name} (line {found.line})"


def understood(verdict: Verdict) -> str:
    """Describe how the doctor reads the code, and within which limits it is tried."""
    found, limits = verdict.found, verdict.limits
    said = [_FAMILIES.get(found.family) or _arguments(verdict)]
    if verdict.layout.said:
        said.append(verdict.layout.said)
    fixed = limits.fixed
    if limits.one_stride and limits.one_padding and not {"stride", "padding"} & fixed.keys():
        said.append("one stride and one padding for both axes")
    elif limits.one_stride and "stride" not in fixed:
        said.append("one stride for both axes")
    elif limits.one_padding and "padding" not in fixed:
        said.append("one padding for both axes")
    if limits.square_kernel:
        said.append("square windows")
    if found.window and "kernel" in fixed:
        steps = ", its stride too" if fixed.get("stride") == "kernel" else ""
        said.append(f"window {'x'.join(map(str, found.window))} built in{steps}")
    absent = [option for option in ("stride", "padding") if option in fixed]
    if found.window and fixed.get("stride") == "kernel":
        absent.remove("stride")
    if absent:
        said.append(f"no {' and no '.join(absent)}")
    return "; ".join(said)


def conventions(verdict: Verdict) -> list[str]:
    """Describe the conventions that the code follows, if they make a difference."""
    if verdict.match is None:
        return []
    said = []
    for one in KINDS[verdict.found.kind].conventions:
        value = verdict.match.conventions.get(one.key)
        if any(one.key in _UNSETTLED.get(key, ()) for key in verdict.match.sure):
            continue
        usual = next(iter(one.values))
        if value is not None and (value != usual or one.key in _ALWAYS):
            said.append(spoken(f"{one.key}: {one.values[value]}", verdict.layout))
    return said


_ALWAYS = {"kernel"}
#: Mistakes that leave open which convention was meant.
_UNSETTLED = {"not-scaled": ("scale",)}


def _arguments(verdict: Verdict) -> str:
    """List the arguments of the forward pass, as they appear in the code."""
    calls = verdict.found.calls
    made = calls.get("init") if verdict.found.family != "functions" else None
    forward = _named(calls["forward"]) if "forward" in calls else ""
    if verdict.found.family == "functions":
        return forward.strip("()")
    said = [f"made with {_named(made)}"] if _named(made) else []
    if setup := calls.get("setup"):
        said.append(f"{setup.name}{_named(setup)}")
    return "; ".join([*said, f"forward{forward}"])


def _named(call: Call | None) -> str:
    """List the arguments that were understood."""
    words = []
    for parameter in call.parameters if call else ():
        if parameter.role == "options" and parameter.keys:
            words += [f"{parameter.name}[{key!r}]" for key in parameter.keys]
        elif parameter.role:
            words.append(parameter.name)
    return f"({', '.join(words)})" if words else ""


def _layer(verdict: Verdict) -> Iterator[str]:
    """Yield what is said about one layer."""
    yield from _wrapped(printable(title(verdict)), "", "    ")
    yield from _item("understood", understood(verdict))
    if said := conventions(verdict):
        yield from _item("follows", "; ".join(said))
    if verdict.match is None:
        yield from _item("STOPPED", verdict.stopped)
        return
    yield from _results(verdict)
    for remark in verdict.remarks:
        yield from _item("note", remark)
    if verdict.stopped:
        yield from _item("STOPS", verdict.stopped)
    yield from _diagnosis(verdict)


def _results(verdict: Verdict) -> Iterator[str]:
    match = verdict.match
    assert match is not None
    right: dict[int, list[str]] = {}
    for name, seen in match.seen.items():
        if not match.off(name) and "@" not in name:
            right.setdefault(len(seen), []).append(name)
    for count, names in right.items():
        cases = "case" if count == 1 else "cases"
        yield from _item("right", f"{', '.join(names)} in {count} {cases}")
    for name in match.reported:
        plain, _, again = name.partition("@")
        second = ", when called a second time," if again else ""
        if off := match.off(name):
            count = len(match.seen[name])
            where = f"{len(off)} of {count} cases" if count > 1 else "the one case tried"
            yield from _item("WRONG", f"{plain}{second} in {where}")


def _diagnosis(verdict: Verdict) -> Iterator[str]:
    match = verdict.match
    assert match is not None
    slips = {slip.key: slip for slip in KINDS[verdict.found.kind].slips}
    shown: set[str] = set()
    if match.named:
        keys = sorted(match.sets[0], key=list(slips).index)
        for place, key in enumerate(keys, 1):
            yield ""
            yield from _slip(verdict, slips[key], f"{place}. " if len(keys) > 1 else "")
            yield from _counters(verdict, slips[key].spoils, shown)
    elif match.sets:
        yield ""
        yield from _several(verdict, match, slips)
    for name, places in verdict.places.items():
        yield ""
        yield from _wrapped(
            f"{_plain(name)}: no mistake of the catalogue fits. {_sentences(places)}", "  "
        )
        yield from _line(verdict, name)
        yield from _counters(verdict, (name,), shown)
    if not shown:
        yield from _counters(verdict, tuple(match.reported), shown)


def _several(verdict: Verdict, match: Match, slips: dict[str, Slip]) -> Iterator[str]:
    """Report that several explanations fit, and what they share."""
    sure, sets = match.sure, match.sets
    for key in sorted(sure, key=list(slips).index):
        yield from _slip(verdict, slips[key])
        yield ""
    one = "also one of these" if sure else "one of these"
    why = "the test cases cannot distinguish them"
    if not match.complete:
        one, why = "perhaps one of these", "there were too many to try them all"
    yield from _wrapped(f"It is {one}; {why}:", "  ")
    for slips_ in sets:
        titles = " and ".join(slips[key].title for key in sorted(slips_ - sure))
        titles = spoken(titles, verdict.layout)
        yield from _wrapped(f"- {titles}", "  ", "    ")
        for key in sorted(slips_ - sure):
            yield from _wrapped(f"See docs/{slips[key].link}", "    ")


def _slip(verdict: Verdict, slip: Slip, place: str = "") -> Iterator[str]:
    """Name a mistake, explain why it is one, and what to write."""
    slip = spoken_slip(slip, verdict.layout)
    yield from _wrapped(f"{place}{slip.title[0].upper()}{slip.title[1:]}.", "  ")
    yield from _wrapped(" ".join(slip.why.split()), "  ")
    yield from _line(verdict, slip.key)
    yield from _wrapped(f"Instead: {' '.join(slip.remedy.split())}", "  ", "    ")
    yield from _wrapped(f"Derived in docs/{slip.link}", "  ")


def _line(verdict: Verdict, key: str) -> Iterator[str]:
    quote = verdict.quotes.get(key)
    if quote is not None:
        made = "Line" if quote.sure else f"{quote.result} is made in line"
        yield f"  {made} {quote.line}: {printable(quote.text)}"


def _counters(verdict: Verdict, names: Sequence[str], shown: set[str]) -> Iterator[str]:
    """Show the smallest case for the first of these results that has one."""
    for counter in verdict.counters:
        if counter.name in names and counter.name not in shown:
            shown.add(counter.name)
            yield ""
            yield from _counter(counter, verdict)
            shown.update(names)
            return


def _counter(counter: Counter, verdict: Verdict) -> Iterator[str]:
    said = f" ({options})" if (options := _options(counter, verdict)) else ""
    yield from _wrapped(f"The smallest case found that shows it{said}:", "  ")
    unused = _UNUSED.get(counter.name.partition("@")[0], set())
    unused |= {"draws", "draws@2", "draws-back"}
    if counter.case.options.get("training") and not counter.name.startswith("running"):
        unused |= {"running_mean", "running_var"}
    given = [(k, v) for k, v in counter.case.arrays.items() if k not in unused]
    yield from (f"    {line}".rstrip() for line in blocks(given))
    plain, _, again = counter.name.partition("@")
    yours = f"your {plain}" + (", second call" if again else "")
    yield ""
    yield from (
        f"    {line}".rstrip() for line in pairs((yours, counter.got), ("right", counter.want))
    )


def _options(counter: Counter, verdict: Verdict) -> str:
    """List the options of the case, except those that change nothing or are hard-coded."""
    case = counter.case
    usual = {key: value for key, value in _USUAL.items() if key in case.options}
    said = [
        f"{key} {_short(case.options[key])}"
        for key, value in usual.items()
        if tuple(case.options[key]) != value
    ]
    if "kernel" in case.options and "weight" not in case.arrays:
        said.insert(0, f"window {'x'.join(map(str, case.options['kernel']))}")
    if "p" in case.options:
        said.append(f"p {share(case.options['p'], verdict.layout):g}")
    if "eps" in case.options and "eps" not in verdict.built_in:
        said.append(f"eps {case.options['eps']:g}")
    if "training" in case.options:
        said.append("training" if case.options["training"] else "evaluation")
    return ", ".join(said)


def _plain(name: str) -> str:
    plain, _, again = name.partition("@")
    return f"{plain} (second call)" if again else plain


def _short(value: object) -> str:
    if isinstance(value, tuple):
        return number(value[0]) if value[0] == value[1] else "x".join(map(number, value))
    return str(value)


def _sentences(said: Sequence[str]) -> str:
    return " ".join(f"{one[0].upper()}{one[1:]}." for one in said)


def _item(word: str, text: str) -> list[str]:
    lead = f"  {word:<10}  "
    return _wrapped(f"{lead}{printable(text)}", "", " " * len(lead))


def _wrapped(text: str, first: str = "", rest: str | None = None) -> list[str]:
    return wrap(
        text,
        _WIDTH,
        initial_indent=first,
        subsequent_indent=first if rest is None else rest,
        break_long_words=False,
        break_on_hyphens=False,
    )
