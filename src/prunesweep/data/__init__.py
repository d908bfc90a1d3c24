"""Data sets: where their files are, how they are read, and how they are split.

- `settings`: the schema that users set
- `sources`: the files of each data set, their checksums and their download
- `readers`: files to NumPy arrays
- `splits`: the stratified split
- `layout`: the memory layouts of images and weights
- `datasets`: arrays to normalized tensors, and the fingerprint of a data set

May import `errors`, `files` and `roles`. `settings` and `sources` do not import torch, NumPy or torchvision at import
time, because `run.py --help` imports them.

A new data set is one entry of `sources.SOURCES`, and one entry of `readers.READERS` if its files have a new format.
"""
