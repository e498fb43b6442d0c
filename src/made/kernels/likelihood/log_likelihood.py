"""What the loop finds, as a function that torch differentiates."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from made.kernels.jit.stale import compiled_functions, forget_stale_code, say_if_compiling
from made.kernels.jit.threads import as_many_threads_as_torch, over_threads
from made.kernels.likelihood import loop, mixture
from made.kernels.likelihood.plan import Plan, make_plan
from made.variables.row_type import RowType
from made.variables.rows import Rows

__all__ = ["CompiledLikelihood", "log_prob_and_slopes", "say_what_is_compiled"]

forget_stale_code(*compiled_functions(loop, mixture))


def say_what_is_compiled(of: Any = loop.log_likelihood) -> None:
    """Log a line if the loop has to be compiled first."""
    say_if_compiling(of, "the likelihood: once on this machine, about ten seconds")


def log_prob_and_slopes(
    plan: Plan, outputs: Tensor, codes: Tensor, scores: Tensor, *, in_training: bool = False
) -> tuple[Tensor, Tensor]:
    """Return log p of each entry, (D, n) float64, and its slopes by the outputs, (n, n_outputs) float32.

    Parameters
    ----------
    plan : Plan
        Of the variables.
    outputs : (n, n_outputs) float32 tensor
        Of the network.
    codes, scores : (n, D) and (n, B, 3 or 4) tensors
        Of the rows.
    in_training : bool
        In threads of numba's, which begin sooner.
    """
    outputs = outputs.detach().contiguous()
    log_prob = torch.empty(codes.shape[1], len(codes), dtype=torch.float64)
    slopes = torch.empty_like(outputs)
    codes, scores = codes.t().long().contiguous(), scores.contiguous()
    arrays = [own.numpy() for own in (outputs, codes, scores, log_prob, slopes)]
    if in_training:
        with as_many_threads_as_torch():
            loop.log_likelihood(plan, *arrays)
    else:
        over_threads(loop.log_likelihood_of_part, loop.n_tasks(plan, len(outputs)), 1, plan, *arrays)
    return log_prob, slopes


class CompiledLikelihood:
    """Log p of rows under the outputs of a network, as `RowType.log_prob` summed over variables.

    What the compiled loop has no part for goes that way: float64, and logits that are averaged over
    neighbouring classes.

    Parameters
    ----------
    variables : RowType
    """

    def __init__(self, variables: RowType) -> None:
        self._variables = variables
        # Variables of one kind of class are one call of torch, which takes less time.
        is_one_call = variables.numbers is None and len(variables.blocks) == 1
        self._plan = None if is_one_call else make_plan(variables)
        if self._plan is not None:
            say_what_is_compiled()

    def __call__(self, outputs: Tensor, rows: Rows) -> Tensor:
        """Return log p of rows in nats, (n,); it can be differentiated once.

        Parameters
        ----------
        outputs : (n, n_outputs) tensor
            Of the network.
        rows : Rows
            Complete, with their scores.
        """
        codes, scores = rows.codes, rows.scores
        plan = self._plan
        if plan is None or outputs.dtype != torch.float32:
            return self._variables.log_prob(outputs, codes, scores).sum(dim=1)
        if scores is None:
            scores = torch.zeros(0, 0, 3, dtype=torch.float64)
        total: Tensor = _Function.apply(outputs, codes, scores, plan)  # type: ignore[no-untyped-call]
        return total


class _Function(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, outputs: Tensor, codes: Tensor, scores: Tensor, plan: Plan) -> Tensor:
        log_prob, slopes = log_prob_and_slopes(plan, outputs, codes, scores, in_training=True)
        ctx.save_for_backward(slopes)
        return log_prob.sum(dim=0)

    @staticmethod
    @torch.autograd.function.once_differentiable
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor | None, ...]:
        (slopes,) = ctx.saved_tensors
        return slopes * gradients[0].to(slopes.dtype)[:, None], None, None, None
