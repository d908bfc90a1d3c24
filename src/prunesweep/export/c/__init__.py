"""`c`: a network as one portable C99 file, and a header.

- `layers.py`: the layers that can be exported, as plain values
- `graph.py`: the layers of a torch module, in the order in which they run
- `stages.py`: layers fused to stages: a convolution or linear layer, and the pooling and activations that follow it
- `unused.py`: removes output channels that no later stage uses
- `encoding.py`: weights as read-only arrays, sparse or dense, whichever is smaller
- `arrays.py`: arrays and numbers as C text
- `blocks.py`: sums in registers for a block of outputs
- `tails.py`: the C text of activations and pooling
- `source.py`: the C text of stages
- `generate.py`: the C text of a file and of its header
- `integer_graph.py`: the layers of an integer program (`--dtype int8`)
- `integer_source.py`: the C text of its stages
- `integer.py`: the C file of an integer program
- `scoring.py`: the C text of the program that scores an IDX file
- `idx.py`: IDX files with the images for this program
- `compiler.py`: compilation, execution and sizes
- `container.py`: the description in a C file
- `form.py`: the format

May import `description.py`, `protocol.py` and `invalid.py` of `export/`, and everything that these may import.
"""
