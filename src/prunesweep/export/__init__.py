"""Exported networks: one self-describing file per network, verified when it is written.

- `write.py`: exports the network of a run and verifies the file
- `evaluate.py`: measures the accuracy of an exported file
- `description.py`: the description that each file carries
- `protocol.py`: the functions and properties that a format provides
- `dense.py`, `csr.py`, `compacted.py`, `program.py`, `onnx_graph.py`: one module per format
- `formats.py`: the list of formats, recognition of a file's format, and the check for code in files from other people
- `verify.py`: comparison of two networks on the same images

May import everything from `errors.py` to `experiment/`, but not `report/`, `search/` and `cli.py`.
"""
