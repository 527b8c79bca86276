"""The mark of settings that only reproduce a paper or its released code; ``--help`` shows them last."""

from __future__ import annotations

from typing import Annotated, TypeVar

T = TypeVar("T")

ONLY_TO_REPRODUCE = "only to reproduce papers"
Reproduction = Annotated[T, ONLY_TO_REPRODUCE]
