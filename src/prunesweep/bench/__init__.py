"""The latency and the file sizes of the networks of runs, measured on this machine.

- `timing.py`: times of several variants, interleaved, and their medians and quartiles
- `c_library.py`: C files as shared libraries that time themselves
- `latency.py`: the latency of one network as a C file
- `sizes.py`: the sizes of a network in all export formats
- `sparse_torch.py`: networks with torch's sparse tensors
- `variants.py`: the ways to compute a network that are compared
- `measure.py`: the measurements of a run
- `machine.py`: the processor and the versions
- `output.py`: tables on the terminal, and JSON
- `measures.py`: what a run measures on request: `file_bytes`, `packed_bytes`, `latency_us`

May import everything except `search/`, `api/` and `cli`.
"""
