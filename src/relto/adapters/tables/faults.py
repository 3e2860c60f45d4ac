"""What is wrong with the rows of a table, noted column by column, however many rows there are."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import polars as pl

from relto.impact import NO_FAULTS, Faults, Flaw, StrictError
from relto.impact.reading import Raw
from relto.limits import BULK_FLAW_VALUES_MAX


class FaultList:
    """Collects faults; every row is listed, and of many different values so many are shown.

    Source: docs/spec/impact.md IMP-22.
    """

    def __init__(self) -> None:
        """Begin with none."""
        self._flaws: dict[Flaw, int] = {}
        self._texts: dict[tuple[str, str], dict[str, int]] = {}
        self._found: list[tuple[pl.Series, pl.Series]] = []

    def note_rows(self, mask: pl.Series, values: pl.Series, kind: str, *, start: int) -> None:
        """Note the same flaw for every row of a mask; the value stands with it.

        Args:
            mask: True for a row at fault; null counts as false.
            values: What stands there; the column's name is the name in the flaw.
            kind: Of the flaw.
            start: How many rows came before these.

        Source: docs/spec/impact.md IMP-22.
        """
        rows = mask.arg_true()
        if not len(rows):
            return
        texts = values.gather(rows).cast(pl.String).fill_null("")
        known = self._texts.setdefault((values.name, kind), {})
        different = texts.unique(maintain_order=True)
        new = different.filter(~different.is_in(pl.Series(list(known), dtype=pl.String).implode()))
        room = BULK_FLAW_VALUES_MAX - len(known)
        for text in new.head(room).to_list():
            known[text] = self._number(Flaw(column=values.name, kind=kind, value=text))
        # Any of the others is shown without its value; a number nobody has stands where none is.
        other = self._number(Flaw(column=values.name, kind=kind)) if len(new) > room else -1
        flaws = texts.replace_strict(known, default=other, return_dtype=pl.Int64)
        self._found.append((rows.cast(pl.Int64) + start, flaws))

    def note_all(self, values: pl.Series, kind: str, value: str, *, start: int) -> None:
        """Note the same flaw for every row of a column.

        Source: docs/spec/impact.md IMP-22.
        """
        mask = pl.Series([True]).new_from_index(0, len(values))
        shown = pl.Series(values.name, [value]).new_from_index(0, len(values))
        self.note_rows(mask, shown, kind, start=start)

    def note_raws(self, places: pl.Series, raws: Sequence[Raw], *, start: int) -> None:
        """Note every flaw of every row whose combination of words has one.

        Args:
            places: By row, the place of its combination in `raws`.
            raws: The combinations.
            start: How many rows came before these.

        Source: docs/spec/impact.md IMP-22.
        """
        known = pl.DataFrame(
            [(index, self._number(flaw)) for index, one in enumerate(raws) for flaw in one.flaws],
            schema={"raw": pl.UInt32, "flaw": pl.Int64},
            orient="row",
        )
        rows = places.alias("raw").to_frame().with_row_index("row")
        found = rows.join(known, on="raw", how="inner")
        self._found.append((found["row"].cast(pl.Int64) + start, found["flaw"]))

    def finish(self) -> Faults:
        """Everything noted, by row.

        Source: docs/spec/impact.md IMP-22.
        """
        if not self._found:
            return NO_FAULTS
        rows = pl.concat([rows for rows, _ in self._found]).to_numpy()
        flaws = pl.concat([flaws for _, flaws in self._found]).to_numpy()
        order = np.lexsort((flaws, rows))
        return Faults(rows=rows[order] + 1, flaws=flaws[order], kinds=tuple(self._flaws))

    def _number(self, flaw: Flaw) -> int:
        return self._flaws.setdefault(flaw, len(self._flaws))


def check_strictly(faults: Faults, rows: int, what: str) -> None:
    """Stop where any row is at fault.

    Args:
        faults: Of a whole table.
        rows: How many it has.
        what: What a row of it is called.

    Raises:
        StrictError: With the first of them.

    Source: docs/spec/impact.md IMP-28.
    """
    for first in faults:
        flaw = first.flaw
        raise StrictError(
            f"{faults.rows_at_fault()} of {rows} {what} are at fault, the first is "
            f"row {first.row}: `{flaw.column}` {flaw.kind} `{flaw.value}`"
        )


def write_faults(path: Path, tables: Sequence[tuple[str, Faults]]) -> None:
    """Write every row at fault to a CSV file: the table's name, the row, column, fault and value.

    Source: docs/spec/impact.md IMP-22.
    """
    parts = [
        pl.DataFrame({"row": faults.rows, "flaw": faults.flaws})
        .join(
            pl.DataFrame(
                [
                    (place, one.column, one.kind, one.value)
                    for place, one in enumerate(faults.kinds)
                ],
                schema={
                    "flaw": pl.Int64,
                    "column": pl.String,
                    "fault": pl.String,
                    "value": pl.String,
                },
                orient="row",
            ),
            on="flaw",
            how="left",
            maintain_order="left",
        )
        .select(pl.lit(name).alias("table"), "row", "column", "fault", "value")
        for name, faults in tables
    ]
    pl.concat(parts).write_csv(path)
