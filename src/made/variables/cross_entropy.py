"""How probable classes are under logits, with as little memory as that takes: the logits, and one like them.

torch's cross entropy keeps the logarithms of all probabilities, and makes two gradients of that size.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor
from torch.nn import functional

__all__ = ["log_prob"]

# Sums over fewer classes are faster where these do not lie side by side: a vector of AVX-512.
_FEW = 16


def log_prob(logits: Tensor, codes: Tensor) -> Tensor:
    """Return the logarithm of the probability of each code.

    Parameters
    ----------
    logits : (n, D, K) tensor
        Of K classes.
    codes : (n, D) int64 tensor
        In 0..K-1.

    Returns
    -------
    (n, D) tensor
        Differentiable, twice too.
    """
    if logits.shape[-1] < _FEW:
        return -functional.cross_entropy(logits.transpose(1, 2), codes, reduction="none")
    total = torch.logsumexp(logits.detach(), dim=-1, keepdim=True)
    out: Tensor = _LogProb.apply(logits, codes.unsqueeze(-1), total)  # type: ignore[no-untyped-call]
    return out.squeeze(-1)


class _LogProb(torch.autograd.Function):
    generate_vmap_rule = True

    @staticmethod
    def forward(logits: Tensor, codes: Tensor, total: Tensor) -> Tensor:
        return logits.gather(-1, codes) - total

    @staticmethod
    def setup_context(ctx: Any, inputs: tuple[Tensor, ...], output: Tensor) -> None:
        ctx.save_for_backward(*inputs)

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor | None, ...]:
        (gradient,) = gradients
        logits, codes, total = ctx.saved_tensors
        if torch.is_grad_enabled():  # a derivative of this derivative is wanted: nothing in place
            out = -gradient * torch.softmax(logits, dim=-1)
            return out.scatter_add(-1, codes, gradient), None, None
        out = torch.sub(logits, total).exp_().mul_(-gradient)
        return out.scatter_add_(-1, codes, gradient), None, None
