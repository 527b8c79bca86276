import os

import ray

from raycluster.training.gloo import INTERFACE, GlooConfig, choose_interface


def test_gloo_takes_the_interface_of_the_address_that_ray_knows(monkeypatch):
    import psutil

    monkeypatch.setattr(ray.util, "get_node_ip_address", lambda: "127.0.0.1")
    (loopback,) = (
        name for name, found in psutil.net_if_addrs().items() if any(one.address == "127.0.0.1" for one in found)
    )
    monkeypatch.setenv(INTERFACE, "chosen-by-the-user")
    choose_interface()
    assert os.environ[INTERFACE] == "chosen-by-the-user"
    monkeypatch.delenv(INTERFACE)
    choose_interface()
    assert os.environ[INTERFACE] == loopback
    monkeypatch.delenv(INTERFACE)


def test_workers_choose_it_before_they_connect(monkeypatch):
    done = []
    backend = GlooConfig().backend_cls
    monkeypatch.setattr(backend.__mro__[1], "on_start", lambda self, group, config: done.append(config.backend))

    class Group:
        def execute(self, function):
            done.append(function)

    backend().on_start(Group(), GlooConfig())
    assert done == [choose_interface, "gloo"]
