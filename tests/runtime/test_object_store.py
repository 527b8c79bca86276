from raycluster.runtime.object_store import memory_for_images, smallest_object_store


def test_half_of_the_smallest_object_store_is_for_images(monkeypatch):
    nodes = [(True, 4e9), (True, 3e9), (False, 1e9)]
    monkeypatch.setattr(
        "ray.nodes",
        lambda: [{"Alive": alive, "Resources": {"object_store_memory": memory}} for alive, memory in nodes],
    )
    assert smallest_object_store() == 3e9
    assert memory_for_images() == 1.5e9
