import numpy as np
from PIL import Image, ImageDraw

from raycluster.data.image import transparency


def on_ground(image: Image.Image) -> np.ndarray:
    placed = transparency.on_ground(image)
    assert placed.mode == "RGB"
    return np.asarray(placed)


def glyph(color, opacity=255) -> Image.Image:
    image = Image.new("RGBA", (20, 20), (*color, 0))
    ImageDraw.Draw(image).rectangle((5, 5, 9, 14), (*color, opacity))
    return image


def test_colored_and_dark_glyphs_are_placed_on_white():
    for color in [(10, 20, 30), (255, 255, 100), (200, 200, 200)]:
        pixels = on_ground(glyph(color))
        assert pixels[0, 0].tolist() == [255, 255, 255]
        assert pixels[7, 7].tolist() == list(color)


def test_glyphs_that_would_vanish_on_white_are_placed_on_black():
    for opacity in (255, 128, 20):
        pixels = on_ground(glyph((255, 255, 255), opacity))
        assert pixels[0, 0].tolist() == [0, 0, 0]
        assert pixels[7, 7].tolist() == [opacity] * 3
    assert on_ground(glyph((245, 245, 245)))[0, 0].tolist() == [0, 0, 0]


def test_only_what_is_visible_decides():
    image = glyph((255, 255, 255))
    image.paste((0, 0, 0, 0), (0, 0, 20, 4))  # black, but not visible
    assert on_ground(image)[0, 0].tolist() == [0, 0, 0]
    half = glyph((255, 255, 255))
    ImageDraw.Draw(half).rectangle((12, 5, 16, 14), (0, 0, 0, 255))  # as much black as white
    assert on_ground(half)[0, 0].tolist() == [255, 255, 255]


def test_an_image_without_anything_visible_is_white():
    assert (on_ground(Image.new("RGBA", (4, 4), (9, 9, 9, 0))) == 255).all()


def test_an_opaque_image_is_not_changed():
    pixels = np.random.default_rng(0).integers(0, 256, (8, 8, 3), np.uint8)
    image = Image.fromarray(pixels)
    image.putalpha(255)
    np.testing.assert_array_equal(on_ground(image), pixels)
