"""transformers' GPT2LMHeadModel with the weights of one of ours."""

from __future__ import annotations

import torch
from transformers import GPT2Config, GPT2LMHeadModel

from gpt2tui.model.transformer import GPT2

TRANSPOSED = ("c_attn.weight", "c_proj.weight", "c_fc.weight")
"""Matrices that transformers keeps the other way round (its Conv1D)."""


def referee_of(model: GPT2) -> GPT2LMHeadModel:
    """The same model as transformers computes it, dropout off."""
    config = model.config
    referee = GPT2LMHeadModel(
        GPT2Config(
            vocab_size=config.vocabulary_size,
            n_positions=config.block_size,
            n_embd=config.width,
            n_layer=config.layers,
            n_head=config.heads,
            resid_pdrop=0.0,
            embd_pdrop=0.0,
            attn_pdrop=0.0,
        )
    )
    weights = {
        f"transformer.{name}": tensor.T if name.endswith(TRANSPOSED) else tensor
        for name, tensor in model.state_dict().items()
    }
    weights["lm_head.weight"] = model.wte.weight
    referee.load_state_dict(weights)
    return referee.eval()


def randomised(model: GPT2, seed: int) -> GPT2:
    """The model with every parameter drawn anew, wide enough that a wrong bias or norm shows in the logits."""
    generator = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        for name, parameter in model.named_parameters():
            is_norm = name.startswith("ln_") or ".ln_" in name
            mean = 1.0 if is_norm and name.endswith("weight") else 0.0
            parameter.normal_(mean, 0.2, generator=generator)
    return model


def gradients_in_our_layout(referee: GPT2LMHeadModel) -> dict[str, torch.Tensor]:
    """The referee's gradients under our names and shapes."""
    found = {}
    for name, parameter in referee.transformer.named_parameters():
        assert parameter.grad is not None
        found[name] = parameter.grad.T if name.endswith(TRANSPOSED) else parameter.grad
    return found
