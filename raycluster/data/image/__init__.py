"""One image, from an encoded file to pixels on a canvas.

``formats`` knows what is read, ``header`` what an image will be, and ``decode`` its pixels: more than 8 bits in
``pixel_values`` and ``value_range``, transparent ones in ``transparency``. ``fit`` brings it to a canvas, without
changing its aspect ratio, and ``load_image`` does all of that, decoding no more than is needed. ``contrast`` tells
whether anything can be seen in it.
"""
