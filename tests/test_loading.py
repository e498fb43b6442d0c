"""Loading: a file holds everything that a model is, and what is no such file is refused in one line."""

from __future__ import annotations

import json
import pickle

import numpy as np
import pytest
import safetensors
import safetensors.torch
import torch

import made
from made.support.files import FORMAT_VERSION, read_tensors, write_tensors

B, C = made.Bernoulli, made.Categorical
MODELS = {
    "plain": lambda: made.MADE(B(6), (8,)),
    "no hidden layer": lambda: made.MADE(B(6), ()),
    "given ordering": lambda: made.MADE(B(6), (8, 8), ordering=[5, 0, 4, 1, 3, 2], orderings=2),
    "given degrees": lambda: made.MADE(B(4), (3, 2), connectivity=[[1, 2, 3], [2, 3]]),
    "weights": lambda: made.MADE(B(7), (9,), connectivity=[0.3, 0.1, 0.7, 0.2, 0.9, 0.4], connectivities=4),
    "labels": lambda: made.MADE([C(["no", "yes", "maybe"]), C([10, -5]), C([0.5, 1.5], n=2)], (8,)),
    "codings": lambda: made.MADE([C(3), C(4, coding="raw"), C(300, coding="scaled"), B(2)], (8,)),
    "everything": lambda: made.MADE(
        B(6), (8, 8), "random", 7, activation="gelu", residual=True, direct=True, dropout=0.125
    ),
    "fresh": lambda: made.MADE(B(6), (8,), seed=3, orderings="fresh", connectivities="fresh", fresh_masks=5),
    "context": lambda: made.MADE(B(4), (8, 8), context=3, direct=True, residual=True),
    "context, no hidden layer": lambda: made.MADE(B(4), (), context=np.int64(2), orderings=2),
    "context of variables": lambda: made.MADE(
        C(3, n=2), (8,), context=[B(2), C(["x", "y"]), C([10, -5]), C(4, coding="scaled")], orderings="fresh"
    ),
    "context, degrees given": lambda: made.MADE(B(4), (3,), connectivity=[[0, 2, 3]], context=B(1)),
    "numbers of numpy": lambda: made.MADE(
        B(6), np.array([8]), seed=np.int64(2), orderings=np.int64(2), connectivities=np.int32(3)
    ),
    "more numbers of numpy": lambda: made.MADE(
        B(6), (8,), orderings="fresh", fresh_masks=np.int64(3), dropout=np.float32(0.5), direct=np.bool_(True)
    ),
}


@pytest.fixture(params=MODELS)
def model(request, randomize):
    return randomize(MODELS[request.param]())


@pytest.fixture
def path(tmp_path, randomize):
    """A file with a model of one mask."""
    randomize(MODELS["plain"]()).save(tmp_path / "model.safetensors")
    return tmp_path / "model.safetensors"


def test_file_and_back(model, tmp_path):
    model.save(tmp_path / "model")
    again = made.load(tmp_path / "model")
    assert again.settings() == model.settings()
    assert repr(again.variables) == repr(model.variables)
    assert again.n_masks == model.n_masks
    for k in range(model.n_masks):
        assert all(map(np.array_equal, again.mask(k).layers, model.mask(k).layers))
    assert all(map(torch.equal, again.state_dict().values(), model.state_dict().values()))
    context = None
    if model.context:
        firsts = [0 if column.labels is None else column.labels[0] for column in model.schema.context_columns]
        context = np.array([firsts], dtype=object)
    rows = model.sample(20, seed=1, context=context)
    assert np.array_equal(again.sample(20, seed=1, context=context), rows)
    assert torch.equal(again.log_prob(rows, context=context), model.log_prob(rows, context=context))
    again.save(tmp_path / "again")
    assert (tmp_path / "again").read_bytes() == (tmp_path / "model").read_bytes()


def test_labels_come_back(tmp_path):
    model = MODELS["labels"]()
    model.save(tmp_path / "model")
    again = made.load(tmp_path / "model")
    rows = np.array([["maybe", -5, 0.5, 1.5]], dtype=object)
    assert again.schema.decode(again.schema.encode(rows).codes).tolist() == rows.tolist()
    assert again.sample(3, seed=0).shape == (3, 4)


def test_a_loaded_model_trains_on(path, masked_weights):
    model = made.load(path)
    optimizer = torch.optim.AdamW(model.parameters(), lr=0.1, weight_decay=0.1)
    x = model.sample(20, seed=0)
    before = model.loss(x).item()
    for _ in range(3):
        optimizer.zero_grad()
        model.loss(x).backward()
        optimizer.step()
    assert model.loss(x).item() < before
    assert all((weight[~mask] == 0).all() for weight, mask in masked_weights(model))


def test_a_path_may_be_text_and_the_file_is_safetensors(path):
    assert torch.equal(made.load(str(path)).log_prob([[0] * 6]), made.load(path).log_prob([[0] * 6]))
    with safetensors.safe_open(path, "pt") as file:
        header = json.loads(file.metadata()["made"])
    assert header["version"] == FORMAT_VERSION
    assert header["kind"] == "MADE"
    assert header["settings"]["schema"]["columns"] == [{"kind": "bernoulli", "n": 6}]
    assert len(header["digest"]) == 64


def with_header(path, change):
    """Write the file's tensors again under a changed header."""
    with safetensors.safe_open(path, "pt") as file:
        header = json.loads(file.metadata()["made"])
    tensors = safetensors.torch.load_file(path)
    header = change(header) or header
    safetensors.torch.save_file(tensors, path, {"made": json.dumps(header)})


def with_bit_flipped(path, place):
    content = bytearray(path.read_bytes())
    content[place] ^= 4
    path.write_bytes(content)


def rewritten(path, *, settings=None, tensors=None):
    """Write the model again with other settings or tensors and a digest that fits."""
    kind, own_settings, own_tensors = read_tensors(path)
    write_tensors(path, kind, own_settings | (settings or {}), own_tensors | (tensors or {}))


def with_columns(columns, context_places=()):
    """Return the setting of a schema with these columns."""
    places = list(context_places)
    return {
        "schema": {
            "columns": columns,
            "context_places": places,
            "names": None,
            "is_named": False,
            "image_shape": None,
        }
    }


DAMAGE = {
    "truncated in its tensors": (lambda p: p.write_bytes(p.read_bytes()[:-10]), ["truncated"]),
    "truncated in its header": (lambda p: p.write_bytes(p.read_bytes()[:100]), ["truncated"]),
    "truncated at its start": (lambda p: p.write_bytes(p.read_bytes()[:5]), ["truncated"]),
    "empty": (lambda p: p.write_bytes(b""), []),
    "longer": (lambda p: p.write_bytes(p.read_bytes() + b"more"), []),
    "random bytes": (lambda p: p.write_bytes(np.random.default_rng(0).bytes(500)), ["no model file"]),
    "text": (lambda p: p.write_text("log_prob\n-3.5\n" * 40), ["no model file"]),
    "a pickle": (lambda p: p.write_bytes(pickle.dumps({"weights": [1, 2, 3]})), ["no model file"]),
    "of torch.save": (lambda p: torch.save({"weights": torch.ones(3)}, p), ["no model file"]),
    "of numpy": (lambda p: np.save(p.open("wb"), np.ones(3)), ["no model file"]),
    "missing": (lambda p: p.unlink(), ["there is no model file"]),
    "a folder": (lambda p: (p.unlink(), p.mkdir()), ["model.safetensors"]),
    "foreign safetensors": (
        lambda p: safetensors.torch.save_file({"w": torch.ones(3)}, p),
        ["none that made wrote"],
    ),
    "foreign, with a header": (
        lambda p: safetensors.torch.save_file({"w": torch.ones(3)}, p, {"format": "pt"}),
        ["none that made wrote"],
    ),
    "with a header that is no JSON": (
        lambda p: safetensors.torch.save_file({"w": torch.ones(3)}, p, {"made": "{"}),
        ["no model file"],
    ),
    "with a bit flipped in its tensors": (lambda p: with_bit_flipped(p, -3), ["digest"]),
    "with a setting altered": (lambda p: with_header(p, lambda h: h["settings"].update(seed=1)), ["digest"]),
    "of a newer version": (
        lambda p: with_header(p, lambda h: h.update(version=FORMAT_VERSION + 1)),
        ["version", str(FORMAT_VERSION + 1), "update made"],
    ),
    "of a version that is no number": (lambda p: with_header(p, lambda h: h.update(version="two")), []),
    "with half a header": (lambda p: with_header(p, lambda h: {"format": "made", "version": 1}), []),
    "a checkpoint": (lambda p: write_tensors(p, "checkpoint", {}, {"w": torch.ones(2)}), ["checkpoint"]),
    "of an unknown kind": (lambda p: write_tensors(p, "Transformer", {}, {}), ["Transformer", "MADE"]),
    "with an unknown setting": (lambda p: rewritten(p, settings={"heads": 8}), ["heads"]),
    "with an unknown variable": (
        lambda p: rewritten(p, settings=with_columns([{"kind": "normal", "n": 6}])),
        ["normal"],
    ),
    "with variables of no kind": (lambda p: rewritten(p, settings=with_columns([{"n": 6}])), []),
    "with bad settings": (lambda p: rewritten(p, settings={"hidden": [0]}), ["hidden sizes"]),
    "without variables": (lambda p: write_tensors(p, "MADE", {"hidden": [8]}, {}), ["variables"]),
    "with a tensor of another shape": (
        lambda p: rewritten(p, tensors={"network.biases.0": torch.ones(9)}),
        ["model.safetensors"],
    ),
    "with a tensor too many": (
        lambda p: rewritten(p, tensors={"more": torch.ones(9)}),
        ["model.safetensors"],
    ),
    "with a context that is none": (lambda p: rewritten(p, settings={"context": -1}), ["context"]),
    "with a context without weights": (
        lambda p: rewritten(
            p, settings=with_columns([{"kind": "bernoulli", "n": 6}, {"kind": "number", "n": 2}], (6, 7))
        ),
        ["model.safetensors"],
    ),
    "with an unknown kind of context": (
        lambda p: rewritten(
            p, settings=with_columns([{"kind": "bernoulli", "n": 6}, {"kind": "normal", "n": 1}], (6,))
        ),
        ["normal"],
    ),
    "with a masked weight that is not zero": (
        lambda p: rewritten(p, tensors={"network.weights.0": torch.ones(8, 6)}),
        ["weights that the mask rules out", "altered"],
    ),
}


@pytest.mark.parametrize("damage", DAMAGE)
def test_what_is_no_model_file_is_refused(refused, path, damage):
    do, words = DAMAGE[damage]
    do(path)
    with refused(*words):
        made.load(path)


def test_every_flipped_bit_is_noticed(path):
    """Wherever it is: in the sizes, the header, the settings or the weights."""
    content = path.read_bytes()
    for place in range(0, len(content), 13):
        with_bit_flipped(path, place)
        with pytest.raises(made.InputError):
            made.load(path)
        path.write_bytes(content)
    assert made.load(path)


def test_a_pickle_is_not_run(refused, path, tmp_path):
    class Bomb:
        def __reduce__(self):
            return (open, (str(tmp_path / "boom"), "w"))

    path.write_bytes(pickle.dumps(Bomb()))
    with refused("no model file"):
        made.load(path)
    assert not (tmp_path / "boom").exists()
