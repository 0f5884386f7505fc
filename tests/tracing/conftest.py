"""What the tests of tracing share: every element explained, and added up."""

import numpy as np
import pytest


def elements(array, most, rng):
    """Return every place of an array, or so many of them at random."""
    places = [()] if array.ndim == 0 else list(np.ndindex(array.shape))
    if len(places) > most:
        places = [places[k] for k in rng.choice(len(places), most, replace=False)]
    return places


def check_factors(trace, explanation, most):
    """Where a factor is said to come from, that number stands; and nothing explains itself."""
    for part in (*explanation.terms[:most], *explanation.steps):
        for factor in part.factors[:most]:
            origin = trace.origin(factor)
            if origin is not None:
                path, quantity, index = origin
                assert origin != (explanation.path, explanation.quantity, explanation.index)
                assert quantity in trace.quantities(path)
                if factor.array not in DERIVED:
                    assert trace.array(path, quantity)[index] == pytest.approx(factor.value)


DERIVED = ("(x - mean)", "(y - target)", "-log p")


@pytest.fixture
def adds_up():
    """Return a function that explains a trace's elements and checks that each adds up."""

    def check(trace, most=60, tolerance=None, paths=None):
        if tolerance is None:
            float32 = trace.layers[0].y.dtype == np.float32
            tolerance = 2e-5 if float32 else 1e-12
        rng = np.random.default_rng(0)
        found = 0
        names = [layer.path for layer in trace.layers]
        names += [trace.loss.path] if trace.loss is not None else []
        for path in paths or names:
            for quantity in trace.quantities(path):
                array = trace.array(path, quantity)
                scale = max(1.0, float(np.max(np.abs(array), initial=0)))
                for place in elements(array, most, rng):
                    explanation = trace.explain(path, quantity, place)
                    assert explanation.path == path and explanation.quantity == quantity
                    assert explanation.index == place
                    assert (
                        explanation.formula and explanation.function.line > 0 and str(explanation)
                    )
                    away = abs(explanation.total - explanation.value)
                    assert away <= tolerance * scale, f"{away}\n{explanation}"
                    check_factors(trace, explanation, most=3)
                    found += 1
        return found

    return check
