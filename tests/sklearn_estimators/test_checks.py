"""scikit-learn's own suite of checks, for every estimator."""

from __future__ import annotations

from sklearn.utils.estimator_checks import parametrize_with_checks

from made.sklearn import MADEClassifier, MADEDensity, MADEImputer, MADEOutlierDetector, MADERegressor

ESTIMATORS = [
    make(random_state=0)
    for make in (MADEDensity, MADEImputer, MADEClassifier, MADERegressor, MADEOutlierDetector)
]


def expected_failures(estimator):
    if isinstance(estimator, MADEDensity | MADEImputer):  # the check compares no densities and no draws
        return {}
    why = "a row of weight 2 is one row: batches, and what is set apart, differ from those of two rows"
    return {
        "check_sample_weight_equivalence_on_dense_data": why,
        "check_sample_weight_equivalence_on_sparse_data": why,
    }


@parametrize_with_checks(ESTIMATORS, expected_failed_checks=expected_failures)
def test_scikit_learns_check(estimator, check):
    check(estimator)
