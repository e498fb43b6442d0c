"""Precision of products: what is set within, and that all is put back."""

from __future__ import annotations

import pytest
import torch

from made.training.precision import products_in

NEW = pytest.mark.skipif(not hasattr(torch.backends.cuda.matmul, "fp32_precision"), reason="needs torch 2.9")


@pytest.fixture(autouse=True)
def _as_it_was():
    """Put back what a test has set."""
    own = [torch.backends.mkldnn.matmul, torch.backends.cuda.matmul]
    before = [getattr(each, "fp32_precision", None) for each in own]
    yield
    torch.set_float32_matmul_precision("highest")
    for each, value in zip(own, before, strict=True):
        if value is not None:
            each.fp32_precision = value


def own_flags():
    return torch.backends.mkldnn.matmul.fp32_precision, torch.backends.cuda.matmul.fp32_precision


@pytest.mark.parametrize("before", ["highest", "high", "medium"])
@pytest.mark.parametrize("precision", ["float32", "bfloat16"])
def test_the_setting_of_the_user_comes_back(precision, before):
    torch.set_float32_matmul_precision(before)
    with products_in(precision):
        within = torch.get_float32_matmul_precision()
    assert within == (before if precision == "float32" else "medium")
    assert torch.get_float32_matmul_precision() == before


def test_it_comes_back_after_an_error():
    with pytest.raises(RuntimeError, match="within"), products_in("bfloat16"):
        raise RuntimeError("within")
    assert torch.get_float32_matmul_precision() == "highest"


@NEW
@pytest.mark.parametrize("backend", ["mkldnn", "cuda"])
def test_settings_of_a_single_device_come_back(backend):
    getattr(torch.backends, backend).matmul.fp32_precision = "tf32"
    before = own_flags()
    with pytest.raises(RuntimeError, match="mix"):  # torch cannot say what holds for all devices
        torch.get_float32_matmul_precision()
    with products_in("bfloat16"):
        assert own_flags() == ("bf16", "tf32")
    assert own_flags() == before


@NEW
def test_devices_without_a_setting_have_none_afterwards():
    before = own_flags()
    with products_in("bfloat16"):
        pass
    assert own_flags() == before


def test_factors_are_rounded_and_sums_are_not():
    one, other = (torch.randn(64, 512, generator=torch.Generator().manual_seed(seed)) for seed in (0, 1))
    exact = one.double() @ other.double().T
    with products_in("bfloat16"):
        product = one @ other.T
    assert product.dtype == torch.float32
    error = (product - exact).abs().max()
    rounded = (one.bfloat16().double() @ other.bfloat16().double().T - exact).abs().max()
    assert error <= 1.1 * rounded  # or float32's, on a processor without bfloat16
    with products_in("float32"):
        assert (one @ other.T - exact).abs().max() < rounded / 100
