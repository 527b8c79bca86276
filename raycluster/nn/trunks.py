"""The names of the ResNet trunks, for settings that name one without importing torch."""

from __future__ import annotations

from typing import Literal

Trunk = Literal["cifar_resnet18", "resnet18", "resnet34", "resnet50"]
