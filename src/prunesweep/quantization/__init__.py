"""Quantization: networks whose weights take few values, and networks that compute with integers.

- `settings.py`: the settings of the group `quantize`
- `codebook.py`: k-means of weights, and layers whose weights are entries of a codebook
- `symmetric.py`: weights as multiples of one scale for each output channel
- `fixed_point.py`: the multiplication of an integer by a real number with integer arithmetic
- `layers.py`: the layers of a network in the order in which they run
- `folding.py`: batch normalizations as a part of the layers before them
- `operations.py`: the operations of an integer program, and what each computes exactly
- `select.py`: the parameters to quantize, and whether they can be quantized
- `integer.py`: the integer program of a network, and the calibration of its activations

May import `errors.py`, `models/`, `training/` and `pruning/`.
"""
