import numpy as np

from prunesweep.export.c.encoding import Dense, Sparse, encode
from prunesweep.export.c.layers import Conv, Linear
from prunesweep.export.c.stages import Stage


def test_a_sparse_linear_layer_lists_outputs_by_input() -> None:
    weight = np.zeros((3, 4))
    weight[2, 0], weight[1, 0], weight[0, 3] = 5, 7, 9
    encoded = encode(Stage(Linear("fc", weight, np.zeros(3)), (), (4, 1, 1)), dense=False)
    assert isinstance(encoded, Sparse)
    assert encoded.counts.tolist() == [2, 0, 0, 1]
    assert encoded.places.tolist() == [1, 2, 0]
    assert encoded.weights.tolist() == [7, 5, 9]
    assert encoded.nbytes == 4 + 3 + 12


def test_a_sparse_convolution_lists_offsets_in_the_padded_input() -> None:
    """The padded input has 2 channels of 6 rows and 5 columns."""
    weight = np.zeros((2, 2, 3, 3))
    weight[0, 1, 2, 1], weight[1, 0, 0, 2] = 5, 7
    conv = Conv("conv", weight, np.ones(weight.shape, bool), np.zeros(2), padding=(1, 1, 0, 1))
    encoded = encode(Stage(conv, (), (2, 4, 4)), dense=False)
    assert isinstance(encoded, Sparse)
    assert encoded.counts.tolist() == [1, 1]
    assert encoded.places.tolist() == [30 + 2 * 5 + 1, 2]
    assert encoded.weights.tolist() == [5, 7]


def test_the_smaller_form_is_chosen() -> None:
    generator = np.random.default_rng(0)
    for kept in (0.1, 0.5, 0.7, 0.9):
        weight = generator.normal(size=(20, 50)) * (generator.random((20, 50)) < kept)
        encoded = encode(Stage(Linear("fc", weight, np.zeros(20)), (), (50, 1, 1)), dense=False)
        assert isinstance(encoded, Dense) == (kept >= 0.8)
        assert encoded.nbytes <= 4 * 20 * 50
        always = encode(Stage(Linear("fc", weight, np.zeros(20)), (), (50, 1, 1)), dense=True)
        assert isinstance(always, Dense)
        assert always.weights.tolist() == weight.T.astype(np.float32).tolist()


def test_a_grouped_convolution_lists_all_connected_weights_for_the_dense_network() -> None:
    weight = np.zeros((2, 2, 1, 1))
    connected = np.eye(2, dtype=bool)[:, :, None, None]
    stage = Stage(Conv("conv", weight, connected, np.zeros(2)), (), (2, 4, 4))
    every, kept = (encode(stage, dense=dense) for dense in (True, False))
    assert isinstance(every, Sparse)
    assert isinstance(kept, Sparse)
    assert every.places.tolist() == [0, 16]
    assert kept.places.tolist() == []
