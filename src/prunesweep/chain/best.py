"""The step that goes back to the best epoch."""

from __future__ import annotations

from dataclasses import dataclass

from prunesweep.chain.context import Context
from prunesweep.chain.state import State
from prunesweep.chain.steps import Record, Step


@dataclass(frozen=True)
class Best(Step):
    """Return to the state after the epoch with the highest validation accuracy.

    Of equal accuracies, the lower validation loss counts, then the later epoch. Test images play no part.

    Attributes:
        of: Positions of the epochs.
    """

    of: tuple[int, ...]

    @property
    def recalls(self) -> tuple[int, ...]:
        return self.of

    def apply(self, state: State, context: Context) -> tuple[State, Record]:  # noqa: ARG002
        records = {position: context.recorded(position) for position in self.of}
        best = max(records, key=lambda at: (records[at]["val_accuracy"], -records[at]["val_loss"], at))
        chosen = {name: records[best][name] for name in ("epoch", "val_accuracy", "val_loss")}
        return context.recall(best), chosen

    def summary(self) -> str:
        return f"best of {len(self.of)} epochs"
