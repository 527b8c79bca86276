"""Gloo over the network interface that Ray's other machines reach, whatever this machine's own name resolves to."""

from __future__ import annotations

import os
from typing import Any

import ray
from ray.train.torch import TorchConfig
from ray.train.torch.config import _TorchBackend

INTERFACE = "GLOO_SOCKET_IFNAME"  # read by Gloo; by default it takes the address of the machine's own name


class GlooConfig(TorchConfig):
    """How Ray Train connects workers by Gloo.

    On Debian, the name of a machine resolves to loopback, where workers on other machines cannot be reached.
    """

    def __init__(self) -> None:
        super().__init__(backend="gloo")

    @property
    def backend_cls(self) -> type[_TorchBackend]:
        """Return what prepares the workers."""
        return _GlooBackend


class _GlooBackend(_TorchBackend):
    def on_start(self, worker_group: Any, backend_config: Any) -> None:
        worker_group.execute(choose_interface)
        super().on_start(worker_group, backend_config)


def choose_interface() -> None:
    """Let Gloo use the interface with the address under which Ray knows this machine, unless the user has chosen."""
    import psutil  # it comes with Ray

    address = ray.util.get_node_ip_address()
    for name, addresses in psutil.net_if_addrs().items():
        if any(one.address == address for one in addresses):
            os.environ.setdefault(INTERFACE, name)
            return
