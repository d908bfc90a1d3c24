from prunesweep.results.comparing.ranks import mean_ranks, ranks


def test_equal_scores_share_their_ranks() -> None:
    assert ranks([0.9, 0.7, 0.8]) == [1, 3, 2]
    assert ranks([0.5, 0.9, 0.5]) == [2.5, 1, 2.5]


def test_ranks_are_averaged_over_blocks() -> None:
    assert mean_ranks([[0.9, 0.8], [0.7, 0.8], [0.5, 0.5]]) == [1.5, 1.5]
    assert mean_ranks([[3, 2, 1]]) == [1, 2, 3]
