from __future__ import annotations

import json
from pathlib import Path

import pytest
import torch

from tests.cli.program import gpt2tui


def test_the_doctor_measures_and_tells_the_machine(tmp_path: Path) -> None:
    found = gpt2tui("doctor", "--device", "cpu", "--json", home=tmp_path / "home")
    assert found.code == 0, found.err
    facts = json.loads(found.out)
    assert facts["device"] == "cpu"
    assert facts["dtype_reason"]
    assert facts["processor"]["threads"] >= 1
    assert all(rate > 1e8 for rate in facts["matrix_rate"].values())
    assert facts["memory"]["total"] > facts["memory"]["available"] > 0
    assert facts["versions"]["torch"]
    assert facts["paths"]["data"]["problem"] is None
    assert facts["terminal"]["is_terminal"] is False
    assert isinstance(facts["problems"], list)
    assert not (tmp_path / "home").exists()


def test_the_doctor_names_what_is_wrong(tmp_path: Path) -> None:
    (tmp_path / "home").mkdir()
    (tmp_path / "home" / "data").write_text("a file where a folder should be")
    found = gpt2tui("doctor", home=tmp_path / "home", PYTHONIOENCODING="ascii")
    assert found.code == 0, found.err
    wrong = [line for line in found.out.splitlines() if line.startswith("wrong: ")]
    assert any("data folder" in line and "GPT2TUI_HOME" in line for line in wrong)
    assert any("not UTF-8" in line for line in wrong)
    assert "nothing is wrong" not in found.out


@pytest.mark.skipif(torch.cuda.is_available(), reason="needs a machine without CUDA")
def test_a_device_that_torch_lacks_here_is_among_what_is_wrong(tmp_path: Path) -> None:
    found = gpt2tui("doctor", "--device", "cuda", "--json", home=tmp_path)
    assert found.code == 0, found.err
    facts = json.loads(found.out)
    assert facts["device"] != "cuda"
    assert facts["matrix_rate"]
    assert facts["problems"][0].startswith("device cuda is not available to torch")


def test_a_device_that_is_none_is_one_line(tmp_path: Path) -> None:
    found = gpt2tui("doctor", "--device", "abacus", home=tmp_path)
    assert (found.code, found.out) == (2, "")
    assert "abacus" in found.err
