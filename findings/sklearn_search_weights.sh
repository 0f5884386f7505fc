#!/usr/bin/env bash
# scikit-learn 1.9.1: with sample weights, GridSearchCV and cross_val_score give the same classifier on
# the same folds different scores, and another one wins.
#
# Expected: GridSearchCV(c, {"p": [v]}, cv=folds).fit(X, y, sample_weight=w) and
#   cross_val_score(c.set_params(p=v), X, y, cv=folds, params={"sample_weight": w}) agree, as they do
#   in 1.6.1, where both pass the weights to fit alone.
# Instead:  without metadata routing, the default, the search also passes them to the score of any
#   classifier whose score names sample_weight; cross_val_score does not. scikit-learn#30743 is the
#   change to the search.
# Matters:  whoever compares a search with a cross-validation, or with a search of an earlier version,
#   compares two measures; best_params_ can be the ones that cross_val_score calls worst.
# Remedy:   sklearn.set_config(enable_metadata_routing=True), and set_fit_request and
#   set_score_request(sample_weight=True): then both pass them to both.
#
# Seen: 1.9.1 search: 0.333 0.667, best constant: 1
#       1.9.1 cross-validation: 0.600 0.400
#       1.9.1 with routing, search: 0.333 0.667, cross-validation: 0.333 0.667
#       1.6.1 search: 0.600 0.400, best constant: 0
#       1.6.1 cross-validation: 0.600 0.400
set -euo pipefail

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cat > "$work/scores.py" <<'PY'
import numpy as np
import sklearn
from sklearn.dummy import DummyClassifier
from sklearn.model_selection import GridSearchCV, StratifiedKFold, cross_val_score

y = np.array([0] * 6 + [1] * 4)
X, weights = np.zeros((10, 1)), np.where(y == 0, 1.0, 3.0)
folds = StratifiedKFold(2)
version = sklearn.__version__


def scores(made):
    search = GridSearchCV(made(0), {"constant": [0, 1]}, cv=folds)
    search.fit(X, y, sample_weight=weights)
    given = {"params": {"sample_weight": weights}}
    crossed = [cross_val_score(made(c), X, y, cv=folds, **given).mean() for c in (0, 1)]
    found = search.cv_results_["mean_test_score"]
    return search, *(" ".join(f"{score:.3f}" for score in s) for s in (found, crossed))


def plain(constant):
    return DummyClassifier(strategy="constant", constant=constant)


def routed(constant):
    made = plain(constant).set_fit_request(sample_weight=True)
    return made.set_score_request(sample_weight=True)


search, found, crossed = scores(plain)
print(f"{version} search: {found}, best constant: {search.best_params_['constant']}")
print(f"{version} cross-validation: {crossed}")
if version == "1.9.1":
    with sklearn.config_context(enable_metadata_routing=True):
        _, found, crossed = scores(routed)
    print(f"{version} with routing, search: {found}, cross-validation: {crossed}")
PY
for version in 1.9.1 1.6.1; do
    python3 -m venv "$work/$version"
    "$work/$version/bin/pip" install --quiet "scikit-learn==$version" numpy==2.2.6
    "$work/$version/bin/python" "$work/scores.py"
done | tee "$work/seen"

diff "$work/seen" - <<'EXPECTED' || { echo "CHANGED: not what was recorded" && exit 1; }
1.9.1 search: 0.333 0.667, best constant: 1
1.9.1 cross-validation: 0.600 0.400
1.9.1 with routing, search: 0.333 0.667, cross-validation: 0.333 0.667
1.6.1 search: 0.600 0.400, best constant: 0
1.6.1 cross-validation: 0.600 0.400
EXPECTED
echo "as recorded"
