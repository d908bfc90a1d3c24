from prunesweep.results.history import after_dense, phase

RAMP = {"phase": "ramp", "round": 0}
TICKET = {"phase": "ticket", "round": 0}


def test_all_phases_but_the_dense_training_follow_it() -> None:
    dense = {"phase": "dense", "round": 0}
    assert after_dense([dense, dense, RAMP, TICKET]) == [RAMP, TICKET]
    assert after_dense([]) == []


def test_older_files_record_rounds_only() -> None:
    assert [phase({"round": number}) for number in (0, 1, 2)] == ["dense", "finetune", "finetune"]
