"""Labels that are no class: their mass, their codes, and what comes back of them."""

from __future__ import annotations

import copy
import pickle

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

import made
from made.variables.encoding import encode
from made.variables.row_type import RowType
from made.variables.rows import Rows
from made.variables.unseen import UNSEEN, join_labels, unseen_mass
from made.variables.unseen_entries import restored

NAN = float("nan")
CITIES = made.Categorical(["Oslo", "Rome", "Bern"], unseen=0.1)


@given(st.lists(st.integers(0, 20), min_size=1, max_size=60))
def test_the_mass_is_the_share_of_labels_seen_once_and_never_0_or_1(labels):
    n, K = len(labels), len(set(labels))
    once = sum(labels.count(label) == 1 for label in labels)
    least = 1 / (n + K + 1)
    assert unseen_mass(labels) == pytest.approx(min(max(once / n, least), 1 - least))
    assert 0 < unseen_mass(labels) < 1


@pytest.mark.parametrize("unseen", [0, 1, -0.1, NAN, "0.1", True])
def test_a_mass_is_between_0_and_1(unseen, refused):
    with refused("unseen", repr(unseen)):
        made.Categorical(3, unseen=unseen)


def test_the_settings_make_the_variable_again():
    variable = made.Categorical(["a", "b"], 2, missing=True, unseen=0.25)
    settings = variable.settings()
    assert settings["unseen"] == 0.25
    assert RowType.from_settings([settings]).settings() == [settings]
    assert "unseen=0.25" in repr(variable)
    assert "unseen" not in made.Categorical(["a", "b"]).settings()  # old files are of this kind


def test_codes_go_on_beyond_the_classes_and_that_of_missing_entries():
    variable = made.Categorical(["a", "b"], missing=True, unseen=0.25)
    assert (variable.n_classes, variable.missing_code, variable.unseen_code, variable.n_codes) == (2, 2, 3, 4)
    rows = encode(RowType(variable), [["b"], [None], ["c"], [7]])
    assert rows.codes.tolist() == [[1], [2], [3], [3]]
    assert rows.known is None
    assert rows.labels.tolist() == [["b"], [None], ["c"], [7]]


@pytest.mark.parametrize(
    "values",
    [np.array([[0], [4], [-1], [10**6]]), [[0], [4], [-1], ["12"]], torch.tensor([[0.0], [4], [-1], [99]])],
)
def test_without_labels_other_whole_numbers_are_labels_that_are_no_class(values):
    assert encode(RowType(made.Categorical(4, unseen=0.1)), values).codes.tolist() == [[0], [4], [4], [4]]


@pytest.mark.parametrize(("value", "shown"), [(0.5, "0.5"), (float("inf"), "inf"), ("red", "'red'")])
def test_without_labels_what_is_no_whole_number_is_refused(value, shown, refused):
    with refused("row 1, column 0", shown):
        encode(RowType(made.Categorical(4, unseen=0.1)), np.array([[0], [value]], dtype=object))


def test_256_classes_and_one_code_more_need_wider_codes():
    assert RowType(made.Categorical(256)).dtype == torch.uint8
    assert RowType(made.Categorical(256, unseen=0.1)).dtype == torch.int64
    rows = encode(RowType(made.Categorical(256, unseen=0.1)), np.array([[255], [256]]))
    assert rows.codes.tolist() == [[255], [256]]


def test_codes_alone_decode_to_a_mark_and_rows_to_what_was_given():
    schema = made.MADE([CITIES, made.Bernoulli(1)]).schema
    rows = schema.encode([["Rome", 1], ["Paris", 0]])
    assert schema.decode(rows).tolist() == [["Rome", 1], ["Paris", 0]]
    assert schema.decode(rows.codes).tolist() == [["Rome", 1], [UNSEEN, 0]]
    assert schema.encode([[UNSEEN, 0]]).codes.tolist() == [[3, 0]]
    assert schema.unseen([["Rome", 1], ["Paris", 0], [None, 0]]).tolist() == [
        [False] * 2,
        [True, False],
        [False] * 2,
    ]


def test_the_mark_is_one_value():
    assert copy.deepcopy(UNSEEN) is UNSEEN
    assert pickle.loads(pickle.dumps(UNSEEN)) is UNSEEN
    assert repr(UNSEEN) == "UNSEEN"


def test_rows_keep_what_was_given_when_they_are_cut_repeated_and_joined():
    rows = encode(RowType(CITIES), [["Rome"], ["Paris"], ["Cairo"]])
    assert rows[torch.tensor([2, 1])].labels.tolist() == [["Cairo"], ["Paris"]]
    assert rows[torch.tensor([False, True, False])].labels.tolist() == [["Paris"]]
    assert rows[1:2].repeat(2).labels.tolist() == [["Paris"], ["Paris"]]
    joined = Rows.cat([encode(RowType(CITIES), [["Oslo"]]), rows])
    assert joined.labels.tolist() == [[None], ["Rome"], ["Paris"], ["Cairo"]]
    assert join_labels([(None, 2), (None, 1)]) is None


def test_nothing_is_restored_where_nothing_was_given():
    values = np.array([[1.5]])
    assert restored(RowType(CITIES), values, np.array([[3]]), None) is values


@pytest.mark.parametrize("coding", ["one-hot", "scaled", "raw", "radial-basis"])
@pytest.mark.parametrize("missing", [False, True])
def test_the_features_of_a_label_that_is_no_class_are_zero(coding, missing):
    variables = RowType(
        [made.Categorical(5, 2, coding, missing, unseen=0.1), made.Bernoulli(1), made.Categorical(3)]
    )
    codes = torch.tensor([[5 + missing, 2, 1, 2], [1, 5 + missing, 0, 0]])
    features = variables.features(codes)
    assert torch.equal(features, variables.features_by_block(codes))
    size = variables.blocks[0].input_size
    assert not features[0, :size].any()
    assert not features[1, size : 2 * size].any()
    assert features[0, size : 2 * size].any()


def test_wide_one_hot_features_left_as_codes_are_zero_too():
    variables = RowType([made.Categorical(300, 2, unseen=0.1), made.Categorical(200), made.Bernoulli(3)])
    codes = torch.tensor([[300, 7, 199, 0, 1, 1], [1, 300, 0, 0, 0, 1], [299, 0, 3, 1, 0, 0]])
    inputs = variables.inputs(codes, torch.float32)
    assert torch.equal(inputs.dense(), variables.features(codes))


def test_training_rows_may_hold_such_labels_and_marginals_count_the_classes():
    model = made.MADE([made.Categorical(3, unseen=0.5), made.Bernoulli(1)], hidden=(4,))
    model.set_marginals([[0, 0], [0, 0], [2, 1], [9, 1]])
    p = model.log_prob([[0, 0], [1, 0], [2, 0], [9, 0]], per_variable=True).exp()[:, 0]
    np.testing.assert_allclose(p, [0.5 * 3 / 6, 0.5 * 1 / 6, 0.5 * 2 / 6, 0.5], rtol=1e-6)
