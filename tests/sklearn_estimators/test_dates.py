"""Dates in estimators: columns of frames and text, as the model takes them."""

from __future__ import annotations

import datetime
import pickle

import numpy as np
import pandas
import polars
import pytest
from sklearn.model_selection import cross_val_score

from made.sklearn import MADEClassifier, MADEDensity, MADEImputer, MADEOutlierDetector, MADERegressor
from made.support.errors import InputError


def visits(n=300, seed=0):
    """Make points in time, dates with gaps, a number and a class that follow the weekday."""
    rng = np.random.default_rng(seed)
    when = datetime.datetime(2021, 1, 4) + np.array(
        [datetime.timedelta(minutes=int(own)) for own in rng.integers(0, 60 * 24 * 60, n)]
    )
    is_weekend = np.array([own.weekday() >= 5 for own in when])
    born = [datetime.date(1980, 1, 1) + datetime.timedelta(days=int(own)) for own in rng.integers(0, 9000, n)]
    born = [None if i % 5 == 0 else own for i, own in enumerate(born)]
    amount = np.where(is_weekend, 40.0, 10.0) + rng.normal(0, 2, n)
    kind = np.where(is_weekend, "out", "home")
    return polars.DataFrame({"when": list(when), "born": born, "amount": amount, "kind": kind})


def as_pandas(frame):
    own = pandas.DataFrame({name: frame[name].to_list() for name in frame.columns})
    return own.assign(when=own["when"].astype("datetime64[ns]"), born=pandas.to_datetime(own["born"]))


FRAMES = {"polars": visits(), "pandas": as_pandas(visits())}


@pytest.fixture(scope="module", params=list(FRAMES))
def library(request):
    return request.param


@pytest.fixture(scope="module")
def density(library):
    return MADEDensity(random_state=0).fit(FRAMES[library])


def test_a_date_is_one_feature_and_several_variables(density, library):
    assert density.n_features_in_ == 4
    assert list(density.feature_names_in_) == ["when", "born", "amount", "kind"]
    assert density.model_.n_variables == 7
    own = density.score_samples(FRAMES[library])
    np.testing.assert_allclose(own, density.model_.log_prob(FRAMES[library]).numpy(), atol=1e-5)
    drawn = density.sample(5, random_state=1)
    assert type(drawn).__module__.startswith(library)
    assert drawn["when"].dtype == FRAMES[library]["when"].dtype
    again = pickle.loads(pickle.dumps(density))
    np.testing.assert_array_equal(again.score_samples(FRAMES[library]), own)


def test_arrays_of_dates_are_taken_too():
    days = np.array(["2024-01-01"], "datetime64[D]") + np.arange(60)
    both = np.stack([days, days + 3], axis=1).astype("datetime64[ns]")
    density = MADEDensity(random_state=0).fit(both)
    assert density.score_samples(both).shape == (60,)
    assert isinstance(density.sample(2)[0, 0], datetime.date)
    holes = both.copy()
    holes[::4, 0] = np.datetime64("NaT")
    filled = density.imputer().transform(holes)
    assert filled.dtype == both.dtype
    assert not np.isnat(filled).any()
    assert np.array_equal(filled[:, 1], both[:, 1])
    rows = np.array([[str(day), i % 2] for i, day in enumerate(days)], dtype=object)
    assert MADEDensity(random_state=0).fit(rows).model_.n_variables == 3


def test_classes_and_numbers_are_predicted_from_dates(library):
    frame = FRAMES[library]
    features = frame[["when", "born"]]
    kind, amount = np.array(frame["kind"]), np.array(frame["amount"])
    classifier = MADEClassifier(random_state=0).fit(features, kind)
    assert classifier.score(features, kind) > 0.95
    assert classifier.predict(features[:3]).tolist() == classifier.predict(features).tolist()[:3]
    regressor = MADERegressor(random_state=0).fit(features, amount)
    assert regressor.score(features, amount) > 0.5
    assert regressor.predict_interval(features[:7]).shape == (7, 2)
    assert MADEOutlierDetector(random_state=0).fit(features).predict(features).shape == (300,)


def test_columns_of_a_density_are_predicted_from_dates(density, library):
    frame = FRAMES[library]
    others = frame[["when", "born", "amount"]]
    classifier = density.classifier("kind")
    assert classifier.n_features_in_ == 3
    assert classifier.score(others, np.array(frame["kind"])) > 0.9
    assert density.regressor(2).predict(frame[["when", "born", "kind"]]).shape == (300,)
    for column in ("when", 0, 1):
        with pytest.raises(InputError, match="holds dates: what is predicted is one number or one class"):
            density.classifier(column)


@pytest.mark.parametrize("strategy", ["expected", "draw"])
def test_missing_dates_are_filled_in_with_dates(density, library, strategy):
    holes = visits(6).with_columns(visits(6)["when"].set(polars.Series([True, True] + [False] * 4), None))
    given = holes if library == "polars" else as_pandas(holes)
    imputer = density.imputer(strategy)
    filled = imputer.transform(given)
    assert list(filled.columns) == list(given.columns)
    assert filled["when"].dtype == given["when"].dtype
    when, before = filled["when"].to_list(), holes["when"].to_list()
    assert not any(own is None or own != own for own in [*when, *filled["born"].to_list()])
    assert when[2:] == before[2:]
    assert {own.year for own in when[:2]} <= {2020, 2021}
    assert isinstance(imputer.set_output(transform="polars").transform(given), polars.DataFrame)
    alone = MADEImputer(strategy, random_state=0).fit(given[["when"]])
    assert not any(own is None or own != own for own in alone.transform(given[["when"]])["when"].to_list())


def test_names_are_held_to_and_folds_are_fitted(library):
    frame = FRAMES[library]
    classifier = MADEClassifier(random_state=0)
    assert (
        cross_val_score(classifier, FRAMES["pandas"][["when", "amount"]], FRAMES["pandas"]["kind"]).min()
        > 0.9
    )
    density = MADEDensity(random_state=0).fit(frame)
    with pytest.raises(ValueError, match="feature names"):
        density.score_samples(frame[["born", "when", "amount", "kind"]])
    with pytest.raises(ValueError, match=r"feature|columns"):
        density.score_samples(frame[["when", "born"]])


def test_what_is_no_date_is_one_line(density):
    rows = visits(3).with_columns(when=polars.Series(["2021-01-05 10:00", "soon", "2021-01-06 11:30"]))
    with pytest.raises(InputError, match=r"when.*'soon', which is no date"):
        density.score_samples(rows)
