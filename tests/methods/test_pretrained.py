import pytest

from raycluster.errors import UserError
from raycluster.methods import find_method
from raycluster.methods.pretrained import PretrainedSettings, is_pretrained, pretrained_canvas

NETWORK = "tf_efficientnet_lite0.in1k"


@pytest.mark.parametrize("method", ["jule", "concurl"])
def test_images_are_prepared_as_the_pretrained_network_says(method, lite0_weights):
    settings = find_method(method).settings(backbone=NETWORK, weights=str(lite0_weights))
    found = find_method(method).canvas(settings, 96, (0, 4095))
    assert (found.shape, found.fit, found.interpolation) == ((3, 96, 96), "crop", "bicubic")
    assert found.value_range == (0, 4095)
    with pytest.raises(UserError, match="give one number"):
        pretrained_canvas(settings, (96, 64), None)


def test_settings_may_name_a_network():
    assert is_pretrained(find_method("concurl").settings(backbone=NETWORK))
    assert not is_pretrained(find_method("concurl").settings())
    assert not is_pretrained(find_method("dccm").settings())


def test_without_a_network_the_images_decide():
    assert pretrained_canvas(PretrainedSettings(), 96, None) is None


@pytest.mark.parametrize("method", ["jule", "concurl"])
def test_weights_without_a_network_are_refused(method):
    with pytest.raises(UserError, match="--backbone"):
        find_method(method).settings(weights="lite0.safetensors")
