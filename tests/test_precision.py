"""Float32 products are float32 inside the context, and nothing is changed outside it."""

import json

import pytest
import torch

from genbench.precision import describe, float32_products


@pytest.fixture(autouse=True)
def restored():
    """Legacy setters put both of torch's interfaces back to its defaults."""
    yield
    torch.set_float32_matmul_precision("highest")
    torch.backends.cudnn.allow_tf32 = True


def switches() -> list[str]:
    read = torch._C._get_fp32_precision_getter
    ops = ("cuda", "matmul"), ("cuda", "conv"), ("cuda", "rnn"), ("mkldnn", "matmul")
    return [read(*op) for op in ops]


def nothing() -> None: ...


def old_switches() -> None:
    torch.set_float32_matmul_precision("medium")


def new_switches() -> None:
    torch.backends.cuda.matmul.fp32_precision = "tf32"


SETTERS = pytest.mark.parametrize("allow", [nothing, old_switches, new_switches])


@SETTERS
def test_every_switch_is_off_inside(allow):
    allow()
    with float32_products():
        assert switches() == ["ieee"] * 4


@SETTERS
def test_leaving_restores_every_switch(allow):
    allow()
    before = switches()
    with float32_products():
        pass
    assert switches() == before


def test_an_error_inside_restores_every_switch():
    old_switches()
    before = switches()
    with pytest.raises(RuntimeError, match="inside"), float32_products():
        raise RuntimeError("inside")
    assert switches() == before


def test_contexts_nest():
    with float32_products():
        with float32_products():
            pass
        assert switches() == ["ieee"] * 4


def test_the_old_switches_can_be_read_again_after_leaving():
    old_switches()
    with float32_products():
        pass
    assert torch.get_float32_matmul_precision() == "medium"
    assert torch.backends.cuda.matmul.allow_tf32
    assert torch.backends.cudnn.allow_tf32


def test_a_product_is_exact_to_float32_whatever_is_allowed_outside():
    a = torch.randn(64, 512, generator=torch.Generator().manual_seed(0))
    exact = a.double() @ a.double().T
    old_switches()
    with torch.autocast("cpu", dtype=torch.bfloat16), float32_products():
        product = a @ a.T
    assert product.dtype == torch.float32
    assert (product - exact).abs().max() < 1e-3  # bfloat16 misses by more than 0.1


def test_the_description_is_what_holds_inside_and_json_able():
    assert json.loads(json.dumps(describe())) == dict.fromkeys(describe(), "ieee")


def test_describing_changes_nothing():
    before = switches()
    describe()
    assert switches() == before
