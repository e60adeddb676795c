"""Questions over a folder of documents: passages by words and vectors."""

import os
from pathlib import Path

import weitiao

Path("manuals").mkdir(exist_ok=True)
Path("manuals/kettle.md").write_text(
    "# Kettle\nFill in water. It switches off at 100 degrees.\n", "utf-8"
)
Path("manuals/lamp.txt").write_text("Press the button twice and the lamp dims.\n", "utf-8")
encoder = os.environ.get("WEITIAO_EXAMPLE_MODEL")  # None: the encoder of the documents' language

answer = weitiao.ask(None, "How do I dim the lamp?", docs="manuals", encoder=encoder)
for found in answer.sources:
    print(found.passage.document, found.passage.text, found.score)
