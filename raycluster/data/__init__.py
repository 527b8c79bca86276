"""From a folder, file or URI to batches of uint8 images, or to a table of vectors.

``location`` and ``find_files`` find files, and ``sources`` lists those of one kind. ``row_index`` numbers their images
as ``rows``. Ranges of rows are read with ``arrays`` and ``containers``, and become pixels in ``decode`` and
``blocks``, on Ray where it runs (``pipeline``). ``images`` combines these into an image set: ``survey`` measures every
image once, ``image_size`` chooses one size for all, and ``labels`` provides known classes. Training draws batches from
a ``feed``, which keeps the images in memory, or from ``streaming``. ``vectors`` reads embeddings.
"""
