"""scikit-learn: an estimator that trains as ``clearconv train`` does."""
