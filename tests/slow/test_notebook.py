"""The Python of the README and of the start page, cell by cell in a real notebook."""

import re
from pathlib import Path

import pandas
import pytest

from conftest import toy_rows

nbformat = pytest.importorskip("nbformat")
nbclient = pytest.importorskip("nbclient")
pytest.importorskip("ipykernel")

ROOT = Path(__file__).parents[2]
PAGES = ["README.md", "README.zh-CN.md", "docs/en/start.md", "docs/zh/start.md"]

pytestmark = pytest.mark.slow


def cells_of(page, checkpoint):
    """The blocks of a page as cells, after one that makes training quick."""
    text = (ROOT / page).read_text(encoding="utf-8")
    code = re.findall(r"^```python\n(.*?)^```$", text, re.MULTILINE | re.DOTALL)
    assert code
    first = (
        "import weitiao, functools\n"
        f"model = {checkpoint!r}\n"
        "weitiao.fit = functools.partial(weitiao.fit, model=model, changes={'train.epochs': 1})"
    )
    pieces = [piece for block in code for piece in block.strip().split("\n\n")]
    last = ["fitted", "fitted.plan", "weitiao.explain(fitted.model, 'a good film')",
            "fitted.predict(['a good film', 'bad'])", "fitted.model"]  # fmt: skip
    return [first, *pieces, *last]


@pytest.mark.parametrize("page", PAGES)
def test_a_page_runs_in_a_notebook(page, tiny_bert, tmp_path):
    pandas.DataFrame(toy_rows("classification")).to_csv(tmp_path / "reviews.csv", index=False)
    cells = cells_of(page, tiny_bert)
    book = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(one) for one in cells])
    nbclient.NotebookClient(
        book, timeout=300, resources={"metadata": {"path": str(tmp_path)}}
    ).execute()
    nbformat.write(book, tmp_path / "book.ipynb")
    outputs = [cell.outputs for cell in book.cells]
    (training,) = [o for o in outputs if any("run: " in shown(one) for one in o)]
    (panel,) = [one for one in training if "text/html" in one.get("data", {})]
    assert "validation accuracy" in shown(panel)
    assert "<progress" not in shown(panel)  # it has ended
    for cell in outputs[-5:-2]:
        assert "<table>" in shown(cell[0])
    assert shown(outputs[-2][0]).startswith("array(")
    assert shown(outputs[-1][0]).startswith("Model(classification")
    errors = [shown(o) for cell in outputs for o in cell if o.get("name") == "stderr"]
    assert [text for text in errors if "Warning" in text and "ipywidgets" not in text] == []


def shown(output):
    data = output.get("data", {})
    return data.get("text/html") or data.get("text/plain") or output.get("text", "")
