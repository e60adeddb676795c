from weitiao.data.files.table import from_rows
from weitiao.data.infer.roles import guess_roles


def test_columns_called_text_and_text_pair_are_a_pair():
    rows = [
        {"text": f"title {i} of a story", "text_pair": f"the whole story {i} " * 9, "label": i % 2}
        for i in range(40)
    ]
    roles = guess_roles(from_rows(rows).table, {}).roles
    assert roles == {"text": "text", "text_pair": "text_pair", "target": "label"}
