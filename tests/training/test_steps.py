"""Steps: portions of a batch add up to the whole batch."""

import pytest
import torch

import made
from made.network import block_linear
from made.training import steps
from made.training.batches import Batch
from made.training.settings import TrainingSettings
from made.training.steps import PlainStep
from made.variables import sparse_one_hot


def _batch(n: int = 37) -> Batch:
    draw = torch.Generator().manual_seed(3)
    rows = torch.randint(0, 5, (n, 6), generator=draw).to(torch.uint8)
    return Batch(rows, weight=torch.rand(n, generator=draw) + 0.5)


@pytest.mark.parametrize("weighted", [False, True])
def test_portions_add_up_to_the_whole_batch(monkeypatch, weighted):
    batch = _batch() if weighted else Batch(_batch().rows)
    trained, losses = [], []
    for numbers in (2**23, 30 * 10):
        monkeypatch.setattr(steps, "_NUMBERS_AT_ONCE", numbers)
        model = made.MADE(made.Categorical(5, n=6), hidden=(20,)).double()
        step = PlainStep(model, TrainingSettings(optimizer="adam"))
        losses += [step.take(batch, 0, 1e-2, torch.Generator()) for _ in range(5)]
        trained.append(model.state_dict())
    assert torch.allclose(torch.stack(losses[:5]), torch.stack(losses[5:]), rtol=1e-12)
    for name, tensor in trained[0].items():
        assert torch.allclose(tensor, trained[1][name], rtol=1e-6, atol=1e-9), name


@pytest.mark.parametrize("fewest_classes", [1, 100], ids=["codes", "features"])
@pytest.mark.parametrize(
    "settings", [{}, {"ordering": "random"}, {"orderings": 2}, {"context": 1}], ids=lambda each: str(each)
)
def test_gradients_of_portions_are_added_up_in_place(monkeypatch, fewest_classes, settings):
    monkeypatch.setattr(block_linear, "_SMALL", 0)
    monkeypatch.setattr(block_linear, "_ROWS", 3)
    monkeypatch.setattr(sparse_one_hot, "FEWEST_CLASSES", fewest_classes)
    batch = _batch()
    batch = batch._replace(context=torch.ones(37, 1).double() if "context" in settings else None)
    found = []
    for numbers in (2**23, 30 * 10):
        monkeypatch.setattr(steps, "_NUMBERS_AT_ONCE", numbers)
        model = made.MADE(made.Categorical(5, n=6), hidden=(20, 20), direct=True, **settings).double()
        step = PlainStep(model, TrainingSettings(optimizer="adam"))
        places = set()
        for _ in range(3):
            step.take(batch, 0, 1e-2, torch.Generator())
            places.add(model.network.weights[0].grad.data_ptr())
        if numbers < 2**23:
            assert len(places) == 1
        assert model.count_violations() == 0
        found.append([weight.grad for weight in model.parameters()] + list(model.parameters()))
    for one, other in zip(*found, strict=True):
        torch.testing.assert_close(one, other, rtol=1e-6, atol=1e-9)
