"""An image classifier for scikit-learn: ``from clearconv.sklearn import ImageClassifier``."""

try:
    from clearconv.exchange.sklearn.estimator import ImageClassifier
except ModuleNotFoundError as error:
    if error.name is None or error.name.split(".")[0] != "sklearn":
        raise
    raise ModuleNotFoundError(
        "clearconv.sklearn needs scikit-learn, which is not installed. Run: "
        "pip install 'clearconv[sklearn]'",
        name="sklearn",
    ) from None

__all__ = ["ImageClassifier"]
