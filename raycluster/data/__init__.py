"""From a folder, file or URI to batches of uint8 images, or to a table of vectors.

``files`` lists what a source holds, ``containers`` opens files with many images, and ``image`` decodes one image.
``reading`` says how the user wants a source to be read. ``row_index`` gives every image a number, as ``rows``
(``frames`` where each frame counts), and ``survey`` reads all headers. ``images`` puts these together: an image set,
on a ``canvas`` that ``image_size`` has chosen, with known classes from ``labels``. Its pixels are read once, in
``blocks`` and on Ray where it runs (``pipeline``): into memory by ``loaded_images``, or to disk by ``staging``.
Training draws batches from a ``feed``, which has the images in memory, or from ``streaming``. ``thumbnails`` are for
people. ``vectors`` reads embeddings.
"""
