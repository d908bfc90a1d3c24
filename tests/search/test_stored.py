from pathlib import Path

import pytest
from searches import SPACE, launcher, run_search, search_spec

from prunesweep.errors import UsageError
from prunesweep.search.ledger import open_study
from prunesweep.search.storage import address
from prunesweep.search.stored import check_study


def test_every_trial_of_a_search_can_be_used_again_and_the_first_that_cannot_is_named(tmp_path: Path) -> None:
    spec = search_spec(tmp_path, total=8, max_failure_rate=1)
    rows = run_search(spec, launcher(tmp_path, failing="schedule=lottery"))
    assert {"completed", "failed", "duplicate"} == {row["status"] for row in rows}
    url = address(None, tmp_path)
    study = open_study(url, spec.name, spec.settings.goals, spec.definition, 60)
    study.enqueue_trial({"schedule": "lottery", "prune.amount": 0.6})
    check_study(study, url, SPACE, spec.settings.goals)
    study.enqueue_trial({"schedule": "one_shot"})
    with pytest.raises(UsageError, match=rf"study.db: trial {len(rows) + 1} is queued without values of the searched"):
        check_study(study, url, SPACE, spec.settings.goals)
