"""What one-pass sampling does not support is sampled the plain way, and that is said once."""

from __future__ import annotations

import logging

import pytest
import torch

import made
from made.kernels.one_pass import sampler as one_pass_sampler
from made.kernels.one_pass.sampler import OnePassSampler
from made.kernels.one_pass.supported import ACTIVATIONS, KERNEL_KINDS, Activation, unsupported
from made.network import network
from made.support.uniforms import row_uniforms
from made.variables.row_type import VARIABLE_KINDS


def test_every_activation_has_a_number_of_its_own():
    assert ACTIVATIONS.keys() == network.ACTIVATIONS.keys()
    assert sorted(ACTIVATIONS.values()) == list(range(len(Activation)))
    assert all(ACTIVATIONS[name].label == name for name in ACTIVATIONS)


def test_every_kind_of_variable_is_supported():
    codings = made.Categorical.codings
    variables = [made.Bernoulli(2), *(made.Categorical(3, coding=c) for c in codings), made.Numeric()]
    assert {type(variable) for variable in variables} == set(VARIABLE_KINDS.values())
    assert {variable.kernel_kind for variable in variables} == KERNEL_KINDS.keys()
    model = made.MADE(variables, hidden=(4,))
    assert unsupported(model.network, model.variables) is None


class Unheard(made.Bernoulli):
    """A kind that no kernel has heard of."""

    kind = "unheard"
    kernel_kind = "unheard"


def unheard_activation(monkeypatch):
    monkeypatch.setitem(network.ACTIVATIONS, "sine", (torch.sin, 1.0))
    return made.MADE(made.Bernoulli(6), hidden=(9,), activation="sine")


def unheard_kind(_):
    return made.MADE([made.Bernoulli(3), Unheard(3)], hidden=(9,))


@pytest.mark.parametrize(("make", "reason"), [(unheard_activation, "'sine'"), (unheard_kind, "'unheard'")])
def test_others_are_sampled_the_plain_way(randomize, monkeypatch, caplog, make, reason):
    model = randomize(make(monkeypatch))
    monkeypatch.setattr(OnePassSampler, "sample", None)  # nobody asks for it
    with caplog.at_level(logging.WARNING):
        samples = [model.sample(n, seed=0) for n in (1, 50, 50)]
    assert [record.message.count(reason) for record in caplog.records] == [1]
    assert torch.equal(samples[2], model.sample(50, seed=0, method="plain"))
    assert reason in unsupported(model.network, model.variables)


@pytest.mark.parametrize("compiled", [True, False])
@pytest.mark.parametrize("dtype", [torch.uint8, torch.int64])
def test_known_entries_come_as_codes_of_any_type(randomize, monkeypatch, compiled, dtype):
    if not compiled:
        monkeypatch.setattr(one_pass_sampler, "_compiled", lambda: None)
    model = randomize(made.MADE([made.Bernoulli(3), made.Categorical(4, n=2)], hidden=(9,)))
    u = row_uniforms(0, 0, 40, 5)
    model_parts = (model.network, model.variables, 0, model.mask, u)
    codes = torch.tensor([[1, 0, 1, 3, 2]] * 40, dtype=dtype)
    known = torch.tensor([[True, False, True, False, True]] * 40)
    sampler = OnePassSampler()

    def sample(*given):
        codes, bodies = sampler.sample(*model_parts, *given)
        assert bodies is None
        return codes

    sampled = sample(codes, known)
    assert sampled.dtype == model.variables.dtype
    assert bool((sampled[:, [0, 2, 4]] == torch.tensor([1, 1, 2])).all())
    assert torch.equal(sample(codes, torch.zeros_like(known)), sample())
    assert torch.equal(sample(sampled, torch.ones_like(known)), sampled)
    assert torch.equal(sample(sampled * known, known), sampled)
