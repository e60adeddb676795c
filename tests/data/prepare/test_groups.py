import numpy as np

from weitiao.data.files.table import from_rows
from weitiao.data.prepare import duplicates
from weitiao.data.prepare.groups import units_of
from weitiao.data.rows import Rows, everything


def test_rows_of_a_group_stay_together_and_an_empty_cell_is_no_group():
    people = ["ann", "", "bob", "ann", "", " "]
    rows = [{"text": f"t{n}", "label": "x", "person": who} for n, who in enumerate(people)]
    source = from_rows(rows, "rows")
    roles = {"text": "text", "target": "label", "group": "person"}
    all_rows = Rows(source.table, everything(source.table), roles, "rows", "classification")
    keys = duplicates.text_keys(source.table, ["text"], np.arange(len(rows)))
    units = units_of(all_rows, keys)
    assert units[0] == units[3]
    assert len(set(units.tolist())) == 5
