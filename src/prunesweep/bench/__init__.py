"""The latency and the file sizes of the networks of runs, measured on this machine.

- `timing.py`: times of several variants, interleaved, and their medians and quartiles
- `c_library.py`: C files as shared libraries that time themselves
- `latency.py`: the latency of one network as a C file
- `sizes.py`: the sizes of a network in all export formats

May import everything except `search/`, `api/` and `cli`.
"""
