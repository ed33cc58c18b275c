"""Muon: what it does to singular values, and that it moves a matrix as torch's own does."""

from __future__ import annotations

import platform

import pytest
import torch
from torch import Tensor
from torch.profiler import ProfilerActivity, profile

from gpt2tui.model import products
from gpt2tui.training import muon
from gpt2tui.training.muon import Muon


def matrix(rows: int, columns: int, *, rank: int | None = None) -> Tensor:
    generator = torch.Generator().manual_seed(rows)
    if rank is None:
        return torch.randn(rows, columns, generator=generator)
    return torch.randn(rows, rank, generator=generator) @ torch.randn(rank, columns, generator=generator)


def orthogonalised(given: Tensor, dtype: torch.dtype = torch.bfloat16) -> Tensor:
    """That of one matrix, between two others."""
    return muon.orthogonalised(torch.stack([-2 * given, given, given.flip(0)]).to(dtype))[1]


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float32])
@pytest.mark.parametrize("shape", [(64, 64), (32, 128), (128, 32), (96, 256)])
def test_all_singular_values_come_near_one_and_their_vectors_stay(shape: tuple[int, int], dtype: torch.dtype) -> None:
    given = matrix(*shape)
    found = orthogonalised(given, dtype).float()
    values = torch.linalg.svdvals(found)
    assert float(values.max()) < 1.3
    assert float(values[: min(shape) - 4].min()) > 0.5  # a square matrix has a few that are near nothing
    left, _, right = torch.linalg.svd(given, full_matrices=False)
    turned = left.T @ found @ right.T
    assert float((turned - turned.diag().diag()).abs().max()) < 0.1


def test_iterations_that_are_taken_together_make_what_they_make_one_by_one(monkeypatch: pytest.MonkeyPatch) -> None:
    left, _, right = torch.linalg.svd(matrix(256, 640), full_matrices=False)
    given = left @ torch.logspace(0, -4, 256).diag() @ right  # as a gradient's values fall
    together, rough = orthogonalised(given, torch.float32), orthogonalised(given, torch.bfloat16).float()
    monkeypatch.setattr("gpt2tui.training.muon._TOGETHER", (1, 1, 1, 1, 1))
    singly = orthogonalised(given, torch.float32)
    assert not torch.equal(together, singly)  # it was another way
    torch.testing.assert_close(together, singly, atol=1e-4, rtol=0)
    assert float((rough - singly).norm()) < 1.1 * float((orthogonalised(given).float() - singly).norm())


def test_values_that_are_a_thousandth_of_the_largest_are_lifted_more_than_torchs_own_lifts_them() -> None:
    left, _, right = torch.linalg.svd(matrix(64, 256), full_matrices=False)
    given = left @ torch.linspace(1, 1e-3, 64).diag() @ right
    ours = torch.linalg.svdvals(orthogonalised(given).float())
    theirs = torch.linalg.svdvals(
        torch.optim._muon._zeropower_via_newtonschulz(given, (3.4445, -4.775, 2.0315), 5, 1e-7).float()
    )
    assert float(ours.min()) > float(theirs.min())


@pytest.mark.parametrize("scale", [2.0**-20, 2.0**20])
def test_small_and_large_gradients_come_to_the_same(scale: float) -> None:
    given = matrix(48, 96)
    assert torch.equal(orthogonalised(given * scale), orthogonalised(given))


def test_a_matrix_of_low_rank_and_one_of_nothing_are_finite() -> None:
    assert float(torch.linalg.svdvals(orthogonalised(matrix(32, 64, rank=1)).float()).max()) < 1.3
    assert not orthogonalised(torch.zeros(8, 4)).any()


@pytest.mark.parametrize("has_bfloat16", [True, False])
@pytest.mark.parametrize("shape", [(48, 16), (16, 48)])
def test_it_goes_where_torchs_own_goes(
    shape: tuple[int, int], has_bfloat16: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(torch.cpu, "_is_amx_tile_supported", lambda: has_bfloat16)
    monkeypatch.setattr(torch.cpu, "_is_avx512_bf16_supported", lambda: has_bfloat16)
    ours, theirs = (torch.nn.Parameter(matrix(*shape)) for _ in range(2))
    mine = Muon([ours], lr=0.02, momentum=0.95, weight_decay=0.1)
    reference = torch.optim.Muon([theirs], lr=0.02, momentum=0.95, weight_decay=0.1)
    before = ours.detach().clone()
    for index in range(5):
        for parameter, optimizer in ((ours, mine), (theirs, reference)):
            parameter.grad = matrix(*shape) + 0.1 * index
            optimizer.step()
    moved, wanted = ours.detach() - before, theirs.detach() - before
    cosine = torch.nn.functional.cosine_similarity(moved.flatten(), wanted.flatten(), dim=0)
    assert float(cosine) > 0.95
    assert 0.8 < float(moved.norm() / wanted.norm()) < 1.25


@pytest.mark.skipif(platform.machine() not in ("x86_64", "AMD64"), reason="oneDNN is for x86 only")
@pytest.mark.parametrize("has_bfloat16", [True, False])
def test_a_cpu_without_bfloat16_units_multiplies_in_float32(
    has_bfloat16: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(products, "is_mkl_slow", lambda: True)
    monkeypatch.setattr(torch.cpu, "_is_amx_tile_supported", lambda: False)
    monkeypatch.setattr(torch.cpu, "_is_avx512_bf16_supported", lambda: has_bfloat16)
    weights = torch.nn.Parameter(matrix(96, 256))
    weights.grad = matrix(256, 96).T
    with profile(activities=[ProfilerActivity.CPU]) as profiler:
        Muon([weights], lr=0.02, momentum=0.95, weight_decay=0.0).step()
    used = {event.key for event in profiler.key_averages()}
    assert ("mkldnn::_linear_pointwise" in used) != has_bfloat16


def test_matrices_that_share_a_product_move_as_they_do_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    shapes = [(48, 16), (16, 48), (48, 16), (48, 16), (32, 32)]

    def moved(together: int) -> list[Tensor]:
        monkeypatch.setattr(muon, "_STACK", together)
        given = [torch.nn.Parameter(matrix(*shape) + index) for index, shape in enumerate(shapes)]
        for index, weights in enumerate(given):
            weights.grad = matrix(*weights.shape).roll(index) if index != 2 else None
        Muon(given, lr=0.02, momentum=0.95, weight_decay=0.1).step()
        return [weights.detach() for weights in given]

    for alone, two, all_ in zip(moved(1), moved(2), moved(12), strict=True):
        torch.testing.assert_close(two, alone, rtol=0, atol=1e-3)
        torch.testing.assert_close(all_, alone, rtol=0, atol=1e-3)
