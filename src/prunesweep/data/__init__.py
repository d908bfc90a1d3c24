"""Data sets: where their files are, how they are read, and how they are split.

- `settings`: the schema that users set
- `sources`: each published data set: files, checksums, shape, usual normalization and validation split
- `source_files`: finds, verifies and downloads these files
- `readers`: files to NumPy arrays
- `array_files`, `folder`, `custom`: the user's own data to NumPy arrays
- `examples`: images and labels as arrays, and the checks of the user's own data
- `splits`: the stratified split
- `layout`: the memory layouts of images and weights
- `datasets`: arrays to normalized tensors, and the fingerprint of a data set
- `sharing`: tensors that the workers of a sweep share

May import `errors`, `files` and `roles`. `settings` and `sources` do not import torch, NumPy or torchvision at import
time, because `run.py --help` imports them.

A new data set is one entry of `sources.SOURCES` and a file `conf/dataset/NAME.yaml` with its name, and one entry of
`readers.READERS` if its files have a new format.
"""
