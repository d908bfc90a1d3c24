"""Exported networks: one self-describing file per network, verified when it is written and when it is read.

- `write.py`: exports the network of a run and verifies it
- `evaluate.py`: measures the accuracy of an exported file
- `description.py`: the description that each file carries, and the check of its fields
- `protocol.py`: the functions and properties that a format and a container (a kind of file) provide
- `dense.py`, `csr.py`, `compacted.py`, `packed.py`, `program.py`, `onnx_graph.py`: one module per format
- `c/`: the format `c`, one portable C99 file
- `packing.py`, `coder.py`, `brief.py`: the tensors, the entropy coder and the description of a packed file
- `tensor_file.py`: the container of the formats in safetensors files
- `protobuf.py`: the fields of ONNX files, without parsing them
- `rebuild.py`: a described network from the tensors of a file
- `formats.py`: the list of formats, reading of files from other people, and the check for code in them
- `recorded.py`: comparison of a run's weights with what its directory records
- `verify.py`: comparison of two networks on the same images
- `invalid.py`: the error for invalid content

May import everything from `errors.py` to `experiment/`, but not `report/`, `search/` and `cli/`.
"""
