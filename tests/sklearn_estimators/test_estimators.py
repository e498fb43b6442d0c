"""The estimators: one density under all of them, gaps, frames, weights, scikit-learn's tools."""

from __future__ import annotations

import pickle
import subprocess
import sys

import joblib
import numpy as np
import pandas
import polars
import pytest
from sklearn.base import clone
from sklearn.compose import ColumnTransformer
from sklearn.datasets import load_iris
from sklearn.mixture import GaussianMixture
from sklearn.model_selection import GridSearchCV, cross_val_score
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from made.sklearn import MADEClassifier, MADEDensity, MADEImputer, MADEOutlierDetector, MADERegressor
from made.support.errors import InputError

X, Y = load_iris(return_X_y=True)


def people(n=240, seed=0):
    """Make text, whole numbers, floats and gaps that depend on each other."""
    rng = np.random.default_rng(seed)
    sex = rng.choice(["f", "m"], n)
    height = 165 + 13 * (sex == "m") + rng.normal(0, 3, n)
    children = rng.poisson(1.5, n)
    income = np.round(np.exp(rng.normal(7, 0.4, n)), 2)
    income[::7] = np.nan
    return pandas.DataFrame({"sex": sex, "height": height, "children": children, "income": income})


@pytest.fixture(scope="module")
def table():
    return people()


@pytest.fixture(scope="module")
def density(table):
    return MADEDensity(random_state=0).fit(table)


def test_importing_made_does_not_import_the_estimators():
    code = "import made, sys; print('made.sklearn' in sys.modules, 'sklearn' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.split() == ["False", "False"]


def test_floats_are_scored_as_densities():
    ours = MADEDensity(random_state=0).fit(X[::2]).score(X[1::2])
    peer = GaussianMixture(3, random_state=0).fit(X[::2]).score(X[1::2])
    assert ours > peer - 0.7
    assert MADEDensity(random_state=0).fit(X.astype(object)).score(X) < ours - 4  # masses of points of 0.1


def test_a_sample_is_a_frame_with_the_types_of_the_table(density, table):
    drawn = density.sample(300)
    assert drawn.equals(density.sample(300))
    assert not drawn.equals(density.sample(300, random_state=1))
    assert list(drawn.columns) == list(table.columns)
    assert (drawn.dtypes == table.dtypes).all()
    assert 0.05 < drawn["income"].isna().mean() < 0.3
    gap = drawn["height"][drawn["sex"] == "m"].mean() - drawn["height"][drawn["sex"] == "f"].mean()
    assert 9 < gap < 17


def test_polars_frames_are_seen_as_those_of_pandas(density, table):
    own = polars.DataFrame(
        {name: [None if v != v else v for v in column.tolist()] for name, column in table.items()}
    )
    other = MADEDensity(random_state=0).fit(own)
    assert np.allclose(other.score_samples(own), density.score_samples(table))
    assert isinstance(other.sample(2), polars.DataFrame)
    filled = other.imputer().transform(own)
    assert isinstance(filled, polars.DataFrame)
    assert filled["income"].null_count() == 0


def test_names_and_order_of_columns_are_held_to(density, table):
    with pytest.raises(ValueError, match="feature names"):
        density.score_samples(table[table.columns[::-1]])
    with pytest.raises(ValueError, match="expecting 4 features"):
        density.score_samples(np.zeros((2, 3)))


def test_every_estimator_comes_from_one_density(density, table):
    sex = density.classifier("sex")
    others = table.drop(columns="sex")
    assert list(sex.classes_) == ["f", "m"]
    assert list(sex.feature_names_in_) == list(others.columns)
    assert sex.score(others, table["sex"]) > 0.95
    height = density.regressor("height")
    assert height.score(table.drop(columns="height"), table["height"]) > 0.7
    assert density.imputer().transform(table).notna().all(axis=None)
    detector = density.outlier_detector(0.05)
    assert np.isclose((detector.predict(table) == -1).mean(), 0.05, atol=0.005)
    with pytest.raises(InputError, match="ask for its regressor"):
        density.classifier("height")
    with pytest.raises(InputError, match="ask for its classifier"):
        density.regressor("sex")


def test_probabilities_are_those_of_the_model(density, table):
    others = table.drop(columns="sex")
    found = density.classifier("sex").predict_proba(others[:20])
    assert np.allclose(found.sum(axis=1), 1)
    for i in (0, 1, 7):
        given = {name: value for name, value in others.iloc[i].items() if value == value}
        given |= {name: None for name in others.columns if name not in given}
        answer = density.model_.conditional(
            "sex", {name: value for name, value in given.items() if value is not None}
        )
        if None not in given.values():
            assert np.allclose(found[i], answer.probabilities[:2] / answer.probabilities[:2].sum(), atol=1e-5)


@pytest.mark.parametrize("column", [1, 3])
def test_distributions_of_a_number_are_those_of_the_model(column):
    regressor = MADERegressor(random_state=0).fit(np.delete(X, column, axis=1), X[:, column])
    rows = np.delete(X[:3], column, axis=1)
    means, quantiles = regressor.predict(rows), regressor.predict_quantiles(rows, [0.1, 0.5, 0.9])
    for row, mean, own in zip(rows, means, quantiles, strict=True):
        answer = regressor.model_.conditional(3, dict(enumerate(row)))
        assert abs(answer.mean - mean) < 0.02
        assert np.allclose(answer.quantile(np.array([0.1, 0.5, 0.9])), own, atol=0.11)  # a step of 0.1


def test_a_gap_is_summed_out():
    classifier = MADEClassifier(random_state=0).fit(X, Y)
    gappy = X[::5].copy()
    gappy[:, 1] = np.nan
    assert classifier.score(gappy, Y[::5]) > 0.9
    together = classifier.predict_proba(gappy)
    assert np.allclose(together[::-1], classifier.predict_proba(gappy[::-1]), atol=1e-6)
    for i in (0, 15):
        answer = classifier.model_.conditional(4, {d: gappy[i, d] for d in (0, 2, 3)})
        assert np.allclose(answer.probabilities, together[i], atol=0.03)
    regressor = MADERegressor(random_state=0).fit(X[:, :3], X[:, 3])
    gappy = X[::5, :3].copy()
    gappy[:, 0] = np.nan
    assert regressor.score(gappy, X[::5, 3]) > 0.8


def test_the_imputer_fills_in_what_is_expected(table):
    gappy = X.copy()
    gappy[::3, 2] = np.nan
    gappy[::4, 0] = np.nan
    filled = MADEImputer(random_state=0).fit_transform(gappy)
    assert np.array_equal(filled[~np.isnan(gappy)], gappy[~np.isnan(gappy)])
    error = np.sqrt(((filled - X)[::3, 2] ** 2).mean())
    assert error < 0.35 * X[:, 2].std()
    imputer = MADEImputer(random_state=0).fit(table)
    rows = table[:8].copy()
    rows.loc[rows.index[3], "sex"] = None
    rows.loc[rows.index[3], "height"] = 185.0
    out = imputer.transform(rows)
    assert out.loc[rows.index[3], "sex"] == "m"
    assert out["children"].dtype == table["children"].dtype
    asked_for = imputer.set_output(transform="polars").transform(rows)
    assert isinstance(asked_for, polars.DataFrame)
    assert asked_for["sex"][3] == "m"
    assert list(imputer.set_output(transform="pandas").transform(asked_for)["sex"]) == list(out["sex"])


def test_draws_are_keyed_by_the_number_of_the_row():
    gappy = X[:12].copy()
    gappy[3:, 3] = np.nan
    imputer = MADEImputer("draw", random_state=0).fit(X)
    assert np.array_equal(imputer.transform(gappy), imputer.transform(gappy))
    assert np.array_equal(imputer.transform(gappy)[:6], imputer.transform(gappy[:6]))
    assert len(np.unique(imputer.transform(np.repeat(gappy[5:6], 12, axis=0))[:, 3])) > 1


def test_outliers_are_improbable_rows():
    rng = np.random.default_rng(0)
    x = rng.normal(size=(300, 1))
    normal = np.hstack([x, x + 0.1 * rng.normal(size=(300, 1))])
    detector = MADEOutlierDetector(0.02, random_state=0).fit(normal)
    assert list(detector.predict([[0.5, 0.5], [1.5, -1.5]])) == [1, -1]
    assert detector.score_samples(normal).min() < detector.offset_
    with pytest.raises(InputError, match="above 0 and up"):
        MADEOutlierDetector(0.7).fit(normal)


def test_offset_is_a_percentile_of_rows_that_were_set_apart():
    rows = np.random.default_rng(0).normal(size=(1000, 2))
    detector = MADEOutlierDetector(0.1, max_time=1, random_state=0).fit(rows)
    assert len(detector.held_out_scores_) == 100
    assert np.isclose((detector.held_out_scores_ < detector.offset_).mean(), 0.1)


def test_weights_count():
    rng = np.random.default_rng(0)
    rows = np.concatenate([rng.normal(-3, 1, (150, 2)), rng.normal(3, 1, (150, 2))])
    weight = np.repeat([9.0, 1.0], 150)
    weighted = MADEDensity(random_state=0).fit(rows, sample_weight=weight)
    assert 0.8 < (weighted.sample(500)[:, 0] < 0).mean() < 0.97
    plain = MADEDensity(random_state=0).fit(rows)
    same = MADEDensity(random_state=0).fit(rows, sample_weight=np.full(300, 2.0))
    assert np.array_equal(plain.score_samples(rows), same.score_samples(rows))
    alone = MADEDensity(random_state=0).fit(rows, sample_weight=np.repeat([1.0, 0.0], 150))
    assert np.array_equal(
        alone.score_samples(rows), MADEDensity(random_state=0).fit(rows[:150]).score_samples(rows)
    )
    with pytest.raises(ValueError, match=r"non-zero|0 for every row"):
        MADEDensity().fit(rows, sample_weight=np.zeros(300))


def test_they_are_cloned_and_pickled(density, table, tmp_path):
    joblib.dump(density, tmp_path / "density.joblib")
    for again in (pickle.loads(pickle.dumps(density)), joblib.load(tmp_path / "density.joblib")):
        assert np.array_equal(again.score_samples(table), density.score_samples(table))
    state = np.random.RandomState(0)
    assert clone(MADEDensity(max_time=3, random_state=state)).max_time == 3


def test_they_go_into_scikit_learns_tools(table):
    pipe = make_pipeline(StandardScaler(), MADEClassifier(random_state=0))
    assert cross_val_score(pipe, X, Y, cv=3).mean() > 0.9
    search = GridSearchCV(
        MADEOutlierDetector(random_state=0), {"contamination": [0.1, 0.2]}, scoring=_share, cv=2
    )
    assert search.fit(X).best_params_["contamination"] == 0.2
    columns = ColumnTransformer([("gaps", MADEImputer(random_state=0), ["income", "children"])])
    assert not np.isnan(columns.fit_transform(table).astype(float)).any()


def test_a_fold_may_hold_values_of_its_own():
    rng = np.random.default_rng(0)
    kind, y = rng.integers(0, 4, 200), rng.integers(0, 2, 200)
    text = np.array(["abcd"[k] for k in kind], dtype=object)
    both = np.column_stack([kind.astype(object), text])
    classifier = MADEClassifier(random_state=0).fit(both, y)
    assert classifier.predict_proba([[9, "z"]]).shape == (1, 2)


def test_bad_arguments_get_one_line():
    with pytest.raises(InputError, match="'expected' or 'draw'"):
        MADEImputer("mean").fit(X)
    regressor = MADERegressor(random_state=0).fit(X[:, :1], X[:, 1])
    with pytest.raises(InputError, match="between 0 and 1"):
        regressor.predict_quantiles(X[:, :1], 1.5)
    with pytest.raises(InputError, match="between 0 and 1"):
        regressor.predict_interval(X[:, :1], level=90)


def _share(estimator, rows, y=None):
    return float((estimator.predict(rows) == -1).mean())


def test_columns_that_name_rows_are_features_like_any_other():
    pandas = pytest.importorskip("pandas")
    numbers = np.random.default_rng(0).normal(size=200)
    frame = pandas.DataFrame({"id": np.arange(200), "size": numbers, "twice": 2 * numbers})
    density = MADEDensity(random_state=0).fit(frame)
    assert density.score_samples(frame).shape == (200,)
    assert MADEClassifier(random_state=0).fit(frame, numbers > 0).predict(frame).shape == (200,)
