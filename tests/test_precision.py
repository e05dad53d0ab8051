"""Float32 products are float32 inside the context, and nothing is changed outside it."""

import json

import pytest
import torch

from genbench import precision
from genbench.precision import coarse_dtype, describe, float32_products, subnormals_flushed
from genbench.protocols import Epoch
from genbench.running.training import epochs

CPU = torch.device("cpu")


@pytest.fixture(autouse=True)
def restored():
    """Legacy setters put both of torch's interfaces back to its defaults."""
    yield
    torch.set_float32_matmul_precision("highest")
    torch.backends.cudnn.allow_tf32 = True


@pytest.fixture
def chosen_anew():
    """What is chosen is chosen again in the test, and after it."""

    def forget():
        precision._cpu_switch.cache_clear()
        precision._coarse_dtype.cache_clear()

    forget()
    yield
    forget()


def switches() -> list[str]:
    read = torch._C._get_fp32_precision_getter
    ops = ("cuda", "matmul"), ("cuda", "conv"), ("cuda", "rnn"), ("mkldnn", "matmul")
    return [read(*op) for op in ops]


def inside() -> list[str]:
    return ["ieee", "ieee", "ieee", precision._cpu_switch()]


def nothing() -> None: ...


def old_switches() -> None:
    torch.set_float32_matmul_precision("medium")


def new_switches() -> None:
    torch.backends.cuda.matmul.fp32_precision = "tf32"


SETTERS = pytest.mark.parametrize("allow", [nothing, old_switches, new_switches])


@SETTERS
def test_every_switch_but_that_of_the_cpu_is_off_inside(allow):
    allow()
    with float32_products():
        assert switches() == inside()


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
        assert switches() == inside()


def test_the_old_switches_can_be_read_again_after_leaving():
    old_switches()
    with float32_products():
        pass
    assert torch.get_float32_matmul_precision() == "medium"
    assert torch.backends.cuda.matmul.allow_tf32
    assert torch.backends.cudnn.allow_tf32


def reduction() -> tuple[bool, bool]:
    """Whether sums of bfloat16 products may be rounded on CUDA, and whether they may be split."""
    return torch._C._get_cublas_allow_bf16_reduced_precision_reduction()


@pytest.mark.parametrize("allowed", [(True, True), (False, True), (False, False)])
def test_sums_of_bfloat16_products_are_not_rounded_inside_and_as_before_outside(allowed):
    before = reduction()
    matmul = torch.backends.cuda.matmul
    matmul.allow_bf16_reduced_precision_reduction = allowed
    try:
        with float32_products():
            assert not matmul.allow_bf16_reduced_precision_reduction
        assert reduction() == allowed
    finally:
        matmul.allow_bf16_reduced_precision_reduction = before


@pytest.mark.parametrize(
    ("n", "d", "m"), [(64, 512, 64), (1, 784, 1000), (1000, 784, 1), (7, 59, 3), (300, 3072, 500)]
)
def test_a_product_is_exact_to_float32_whatever_is_allowed_outside(n, d, m):
    a, b = (torch.randn(k, d, generator=torch.Generator().manual_seed(k)) for k in (n, m))
    exact = a.double() @ b.double().T
    old_switches()
    with torch.autocast("cpu", dtype=torch.bfloat16), float32_products():
        products = a @ b.T, torch.addmm(torch.zeros(m), a, b.T), torch.nn.functional.linear(a, b)
    for product in products:
        assert product.dtype == torch.float32
        assert (product - exact).abs().max() < 1e-3  # bfloat16 misses by more than 0.1


def test_what_is_allowed_outside_changes_no_byte_inside():
    a = torch.randn(200, 784, generator=torch.Generator().manual_seed(0))
    products = []
    for allow in (nothing, old_switches, new_switches):
        allow()
        with float32_products():
            products.append(a @ a.T)
    assert torch.equal(products[0], products[1])
    assert torch.equal(products[0], products[2])


# --- what is chosen --------------------------------------------------------------------------

PLAIN = {"architecture": "x86_64", "avx512_f": True, "avx512_bf16": False, "amx_tile": False}
BF16 = PLAIN | {"avx512_bf16": True}
AMX = BF16 | {"amx_tile": True, "amx_bf16": True}
AMX_ONLY = PLAIN | {"amx_tile": True, "amx_bf16": True}
ARM = {"architecture": "aarch64", "sve": True, "bf16": True}


@pytest.mark.parametrize(
    ("can", "switch", "coarse"),
    [
        (PLAIN, "bf16", torch.float32),
        (BF16, "bf16", torch.float32),
        (AMX, "ieee", torch.bfloat16),
        (AMX_ONLY, "ieee", torch.bfloat16),
        (PLAIN | {"amx_int8": True}, "ieee", torch.float32),
        (ARM, "ieee", torch.float32),
        ({}, "ieee", torch.float32),
    ],
)
def test_the_processor_decides(can, switch, coarse, chosen_anew, monkeypatch):
    monkeypatch.setattr(precision, "_capabilities", lambda: can)
    monkeypatch.setattr(precision, "_is_exact", lambda *_: True)
    assert precision._cpu_switch() == switch
    assert coarse_dtype(CPU) == coarse


def test_without_onednn_the_switch_stays_off(chosen_anew, monkeypatch):
    monkeypatch.setattr(precision, "_capabilities", lambda: BF16)
    monkeypatch.setattr(torch.backends.mkldnn, "is_available", lambda: False)
    assert precision._cpu_switch() == "ieee"


def test_a_torch_that_tells_no_capabilities_gets_the_plain_products(chosen_anew, monkeypatch):
    monkeypatch.delattr(torch.cpu, "get_capabilities", raising=False)
    assert precision._capabilities() == {}
    assert (precision._cpu_switch(), coarse_dtype(CPU)) == ("ieee", torch.float32)


def wrong(scale: float):
    """Products off by a share of their factors' lengths, as from a kernel that rounds too much."""
    right = torch.Tensor.__matmul__

    def product(a, b):
        found = right(a, b)
        return (
            found if a.dtype == torch.float64 else found + scale * a.float().norm() / len(a) ** 0.5
        )

    return product


def test_a_kernel_whose_products_are_wrong_is_not_chosen(chosen_anew, monkeypatch):
    monkeypatch.setattr(torch.Tensor, "__matmul__", wrong(1.0))
    monkeypatch.setattr(precision, "_capabilities", lambda: PLAIN)
    assert precision._cpu_switch() == "ieee"
    monkeypatch.setattr(precision, "_capabilities", lambda: AMX)
    assert coarse_dtype(CPU) == torch.float32


@pytest.mark.parametrize("shape", precision.SHAPES)
def test_one_wrong_shape_is_enough_to_refuse(shape, chosen_anew, monkeypatch):
    right = precision._error
    monkeypatch.setattr(precision, "_error", lambda *a: 2.0 if a[2] == shape else right(*a))
    monkeypatch.setattr(precision, "_capabilities", lambda: PLAIN)
    assert precision._cpu_switch() == "ieee"
    monkeypatch.setattr(precision, "_capabilities", lambda: AMX)
    assert coarse_dtype(CPU) == torch.float32


def test_nan_is_no_product(chosen_anew, monkeypatch):
    monkeypatch.setattr(precision, "_error", lambda *_: float("nan"))
    monkeypatch.setattr(precision, "_capabilities", lambda: PLAIN)
    assert precision._cpu_switch() == "ieee"
    monkeypatch.setattr(precision, "_capabilities", lambda: AMX)
    assert coarse_dtype(CPU) == torch.float32


@pytest.mark.parametrize("shape", precision.SHAPES)
def test_the_comparison_passes_float32_and_refuses_factors_rounded_to_bfloat16(shape, monkeypatch):
    assert precision._error(torch.float32, CPU, shape) <= 1
    right = torch.Tensor.__matmul__

    def rounded(a, b):
        return (
            right(a, b) if a.dtype == torch.float64 else right(a.bfloat16(), b.bfloat16()).float()
        )

    def as_tf32(a, b):
        if a.dtype == torch.float64:
            return right(a, b)
        keep = lambda t: (t.view(torch.int32) & -(2**13)).view(torch.float32)  # noqa: E731
        return right(keep(a.contiguous()), keep(b.contiguous()))

    for product in (rounded, as_tf32):
        with monkeypatch.context() as patched:
            patched.setattr(torch.Tensor, "__matmul__", product)
            assert precision._error(torch.float32, CPU, shape) > 1


def test_sums_rounded_to_bfloat16_are_refused(monkeypatch):
    """Exact factors, and each partial sum rounded: what the check of coarse types is for."""
    right = torch.Tensor.__matmul__

    def rounded(a, b):
        if a.dtype == torch.float64:
            return right(a, b)
        total = torch.zeros(len(a), b.shape[1], dtype=torch.bfloat16)
        for start in range(0, a.shape[1], 64):
            part = right(a[:, start : start + 64].float(), b[start : start + 64].float())
            total = (total.float() + part).bfloat16()
        return total

    monkeypatch.setattr(torch.Tensor, "__matmul__", rounded)
    assert precision._error(torch.bfloat16, CPU, (100, 784, 240)) > 1


def test_the_choice_leaves_the_switches_and_the_random_state_alone(chosen_anew):
    before, state = switches(), torch.get_rng_state()
    precision._cpu_switch()
    coarse_dtype(CPU)
    assert switches() == before
    assert torch.equal(torch.get_rng_state(), state)


# --- the record ------------------------------------------------------------------------------


def test_the_description_is_what_holds_inside_and_json_able():
    said = describe()
    assert json.loads(json.dumps(said)) == said
    with float32_products():
        assert {name: said[name] for name in precision.SWITCHES} == {
            name: switch.fp32_precision for name, switch in precision.SWITCHES.items()
        }
    assert said["coarse on cpu"] == str(coarse_dtype(CPU)).removeprefix("torch.")
    assert said["coarse on cpu"] in ("bfloat16", "float32")


def test_describing_changes_nothing():
    before = switches()
    describe()
    assert switches() == before


@pytest.mark.cuda
def test_on_a_gpu_bfloat16_is_coarse_from_ampere_on_and_its_products_are_exact():
    device = torch.device("cuda", 0)
    native = torch.cuda.get_device_capability(device) >= (8, 0)
    assert coarse_dtype(device) == (torch.bfloat16 if native else torch.float32)
    assert describe()["coarse on cuda:0"] == str(coarse_dtype(device)).removeprefix("torch.")
    with float32_products():
        assert precision._is_exact(torch.float32, device)


# --- subnormal numbers ---


def shrunk(times=1500) -> float:
    """A momentum of no slope any more: .9 of it are left each time."""
    momentum = torch.ones(64)
    for _ in range(times):
        momentum.mul_(0.9)
    return momentum.max().item()


def test_a_number_that_shrinks_ends_at_0_inside_and_at_subnormals_outside() -> None:
    assert 0 < shrunk() < torch.finfo(torch.float32).tiny
    with subnormals_flushed():
        assert shrunk() == 0
        with subnormals_flushed():
            pass
        assert shrunk() == 0
    assert shrunk() > 0
    with pytest.raises(KeyError), subnormals_flushed():
        raise KeyError
    assert shrunk() > 0


class Shrinking:
    """Its state is a momentum of no slope."""

    def __init__(self) -> None:
        self.seen: list[float] = []

    def fit(self, train, valid):
        for epoch in (1, 2):
            self.seen.append(shrunk())
            yield Epoch(epoch, 2, {})


def test_a_training_flushes_them_and_whoever_looks_at_its_epochs_does_not() -> None:
    model, rows = Shrinking(), torch.zeros(4, 2)
    for _ in epochs(model, rows, rows, ("a stream",)):
        assert shrunk() > 0
    assert model.seen == [0, 0]
