"""Mixed precision where the hardware supports it."""

from __future__ import annotations

import contextlib
from typing import Any

import torch


def mixed_precision(device: torch.device) -> contextlib.AbstractContextManager[Any]:
    """Return bfloat16 autocast where the hardware multiplies in bfloat16, otherwise a context that does nothing."""
    if device.type == "cuda":
        native = torch.cuda.is_bf16_supported(including_emulation=False)
    else:
        native = device.type == "cpu" and torch.cpu._is_avx512_bf16_supported()
    return torch.autocast(device.type, dtype=torch.bfloat16) if native else contextlib.nullcontext()
