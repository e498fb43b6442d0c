"""Log-probabilities of classes are torch's, and so are their derivatives."""

import pytest
import torch
from torch.nn import functional

from made.variables.cross_entropy import log_prob


def _case(n_classes, n=3, n_variables=2):
    generator = torch.Generator().manual_seed(0)
    logits = torch.randn(n, n_variables, n_classes, generator=generator, dtype=torch.float64) * 3
    return logits.requires_grad_(), torch.randint(n_classes, (n, n_variables), generator=generator)


@pytest.mark.parametrize("n_classes", [1, 5, 15, 16, 40])
def test_it_is_minus_the_cross_entropy_of_torch(n_classes):
    logits, codes = _case(n_classes)
    outward = torch.arange(1.0, 7.0, dtype=torch.float64).view(3, 2)
    ways = (
        log_prob(logits, codes),
        -functional.cross_entropy(logits.transpose(1, 2), codes, reduction="none"),
    )
    found = [(one, *torch.autograd.grad((one * outward).sum(), logits)) for one in ways]
    for one, other in zip(*found, strict=True):
        torch.testing.assert_close(one, other, rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize("n_classes", [3, 17])
def test_derivatives(n_classes):
    logits, codes = _case(n_classes)
    assert torch.autograd.gradcheck(lambda at: log_prob(at, codes), logits)
    assert torch.autograd.gradgradcheck(lambda at: log_prob(at, codes), logits)


def test_outputs_of_several_blocks_need_not_lie_side_by_side():
    logits, codes = _case(20, n_variables=4)
    part = logits[:, 1:3]
    assert torch.equal(log_prob(part, codes[:, 1:3]), log_prob(logits, codes)[:, 1:3])


def test_a_class_without_mass():
    logits = torch.zeros(1, 1, 20)
    logits[..., 3] = -torch.inf
    logits.requires_grad_()
    out = log_prob(logits.expand(1, 2, 20), torch.tensor([[3, 4]]))
    assert out[0, 0] == -torch.inf
    assert out[0, 1].item() == pytest.approx(-torch.tensor(19.0).log().item())
    (gradient,) = torch.autograd.grad(out[0, 1], logits)
    assert gradient.isfinite().all()
    assert gradient[0, 0, 3] == 0


def test_no_rows():
    assert log_prob(torch.zeros(0, 2, 20), torch.zeros(0, 2, dtype=torch.int64)).shape == (0, 2)
