"""The files of a source, wherever they are: what a user names, what is found there, and which of it is used.

``location`` opens folders here and behind URIs, ``patterns`` are globs and braces, and ``find_files`` finds everything.
``kinds`` says what a file is by its name, ``left_out`` what is not used and why, and ``file_lists`` reads lists of
paths. ``sources`` puts these together: the listing of a source.
"""
