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


SHAPES = {"c_attn": (48, 16), "c_proj": (16, 16), "c_fc": (64, 16), "mlp": (16, 64)}


def test_shapes_take_turns_and_their_momentum_goes_on() -> None:
    weights = {name: torch.nn.Parameter(matrix(*shape)) for name, shape in SHAPES.items()}
    twin = torch.nn.Parameter(matrix(*SHAPES["mlp"]))
    turning = Muon(weights.values(), lr=0.02, momentum=0.9, weight_decay=0.0, turns=3)
    always = Muon([twin], lr=0.02, momentum=0.9, weight_decay=0.0)
    moved = []
    for step in range(6):
        before = {name: p.detach().clone() for name, p in weights.items()}
        for p in (*weights.values(), twin):
            p.grad = matrix(*p.shape) + step
        turning.step()
        always.step()
        moved.append({name for name, p in weights.items() if not torch.equal(p, before[name])})
    assert moved[:3] == moved[3:]
    assert sorted(map(sorted, moved[:3])) == [["c_attn", "c_proj"], ["c_fc"], ["mlp"]]
    mean, wanted = (o.state[p]["momentum_buffer"] for o, p in ((turning, weights["mlp"]), (always, twin)))
    assert torch.equal(mean, wanted)


def test_three_turns_orthogonalise_what_one_step_does_without_them(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[tuple[int, ...]] = []
    original = muon.orthogonalised
    monkeypatch.setattr(muon, "orthogonalised", lambda x: (asked.append(tuple(x.shape)), original(x))[1])

    def shapes(turns: int, steps: int) -> list[tuple[int, ...]]:
        asked.clear()
        weights = [torch.nn.Parameter(matrix(*shape)) for shape in SHAPES.values()]
        optimizer = Muon(weights, lr=0.02, momentum=0.9, weight_decay=0.0, turns=turns)
        for _ in range(steps):
            for p in weights:
                p.grad = matrix(*p.shape)
            optimizer.step()
        return sorted(asked)

    assert shapes(turns=3, steps=3) == shapes(turns=1, steps=1) == sorted((1, *shape) for shape in SHAPES.values())


def test_rows_come_to_sizes_alike_and_the_whole_keeps_its_size() -> None:
    def update(row_beta: float, steps: int = 1) -> Tensor:
        p = torch.nn.Parameter(torch.zeros(24, 16))
        optimizer = Muon([p], lr=1.0, momentum=0.0, weight_decay=0.0, row_beta=row_beta)
        for _ in range(steps):
            before = p.detach().clone()
            p.grad = matrix(24, 16) * torch.logspace(0, -2, 24)[:, None]
            optimizer.step()
        return p.detach() - before

    plain, evened, later = update(0.0), update(0.95), update(0.95, steps=4)
    sizes, alike = (x.norm(dim=1) for x in (plain, evened))
    assert float(sizes.max() / sizes.min()) > 2
    torch.testing.assert_close(alike, alike.mean().expand(24), rtol=1e-3, atol=0)
    assert float(evened.norm()) == pytest.approx(float(plain.norm()), rel=1e-3)
    torch.testing.assert_close(later, evened, rtol=1e-3, atol=1e-4)  # the same gradient: nothing new to even
    assert not update(0.95)[0].equal(plain[0])


def test_a_gradient_of_nothing_moves_nothing() -> None:
    p = torch.nn.Parameter(matrix(8, 4))
    optimizer = Muon([p], lr=1.0, momentum=0.9, weight_decay=0.0, row_beta=0.95)
    before, p.grad = p.detach().clone(), torch.zeros(8, 4)
    optimizer.step()
    assert torch.equal(p, before)
