import io

from raycluster.embedding.pretrained import backbone_name, fingerprint_of, load_pretrained, prepared_by
from raycluster.options import DEFAULT_BACKBONE, BackboneOptions
from raycluster.runtime.console import Console

LITE0 = "tf_efficientnet_lite0.in1k"


def test_without_a_name_the_default_network_decides_the_embeddings():
    assert backbone_name(BackboneOptions()) == DEFAULT_BACKBONE
    known = {"backbone": DEFAULT_BACKBONE, "image_size": 96, "fit": None, "value_range": [0, 4095]}
    assert prepared_by(BackboneOptions(image_size=96, value_range=(0, 4095))) == known


def test_weights_count_by_their_content_and_not_by_their_path(tmp_path):
    for name, content in (("a", b"1"), ("b", b"1"), ("c", b"2")):
        (tmp_path / name).write_bytes(content)
    a, b, c = (fingerprint_of(tmp_path / name) for name in "abc")
    assert a == b != c


def test_the_network_is_described_and_prepares_images_as_asked(lite0_weights):
    told = io.StringIO()
    options = BackboneOptions(backbone=LITE0, weights=str(lite0_weights), image_size=128, fit="pad", value_range=(0, 9))
    net, fingerprint = load_pretrained(options, Console(stream=told))
    assert (net.shape, net.fit, net.value_range) == ((3, 128, 128), "pad", (0, 9))
    assert fingerprint == fingerprint_of(lite0_weights)
    assert f"{LITE0} (timm, apache-2.0): images of 128 x 128 pixels, embeddings of 1,280 numbers" in told.getvalue()
