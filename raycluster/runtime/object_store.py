"""How much the object stores of the Ray cluster hold."""

from __future__ import annotations


def smallest_object_store() -> float:
    """Return how many bytes the smallest object store among the machines holds."""
    import ray

    return min(node["Resources"].get("object_store_memory", 0.0) for node in ray.nodes() if node["Alive"])


def memory_for_images() -> float:
    """Return how many bytes of images may be kept in memory: half of the smallest object store."""
    return smallest_object_store() / 2
