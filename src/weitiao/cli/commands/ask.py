"""The command `ask`: questions over documents."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from weitiao.cli import show_ask, terminal
from weitiao.cli.commands.look import check_page
from weitiao.cli.options import Json, Threads, loading
from weitiao.errors import WeitiaoError
from weitiao.i18n.messages import _


def ask(
    run: Annotated[
        str, typer.Argument(help="run of question_answering, generation or retrieval; or none")
    ],
    question: Annotated[list[str] | None, typer.Argument(help="questions in quotes")] = None,
    docs: Annotated[
        Path | None, typer.Option(help="folder with documents: txt, md, html, docx, pdf, csv")
    ] = None,
    index: Annotated[
        Path | None, typer.Option(help="folder of the index; default: in the cache")
    ] = None,
    encoder: Annotated[
        str | None, typer.Option(help="retrieval run or encoder for vectors; bm25: words alone")
    ] = None,
    rerank: Annotated[
        str | None, typer.Option(help="run that scores a question and a passage together")
    ] = None,
    support: Annotated[
        str | None, typer.Option(help="run of nli that judges whether a sentence follows")
    ] = None,
    passages: Annotated[int, typer.Option(min=1, max=50, help="passages that are read")] = 5,
    threshold: Annotated[
        float | None, typer.Option(help="of the score; below it nothing is found")
    ] = None,
    evaluate: Annotated[
        Path | None, typer.Option(help="file of questions with answers: judge the whole chain")
    ] = None,
    tune: Annotated[
        bool, typer.Option("--tune", help="choose weight and threshold by those questions")
    ] = False,
    page: Annotated[
        Path | None, typer.Option(help="write a page with the answers and marked passages")
    ] = None,
    threads: Threads = None,
    json_: Json = False,
) -> None:
    """Answer questions over a folder of documents, with the passages they stand in."""
    _check_questions(question, docs, evaluate, tune)
    assert docs is not None, "that was checked"
    if page:
        if not question:
            raise WeitiaoError(_("--page shows answers: ask a question, too, or leave it out."))
        check_page(page)
    own = None if run == "none" else run
    _check_runs(own, rerank, support)
    with loading():
        from weitiao.api.ask import asker, summary
        from weitiao.api.ask_judged import judge, questions_in
        from weitiao.search.index import Changes
    options: dict[str, Any] = {
        "index": index,
        "encoder": encoder,
        "rerank": rerank,
        "support": support,
        "passages": passages,
        "threshold": threshold,
        "threads": threads,
    }
    asked = questions_in(str(evaluate)) if evaluate else []
    with terminal.working() as watch:
        opened = asker(
            own,
            docs,
            say=terminal.say,
            step=lambda done, total: watch(_("indexing the documents"), done, total),
            **options,
        )
    if opened.changes != Changes(0, 0):
        terminal.say(summary(opened.changes))
    if evaluate:
        figures = judge(opened, asked, tune)
        if json_:
            terminal.print_json(figures)
        else:
            show_ask.show_figures(figures)
    answers = [opened(one) for one in question or []]
    if page and answers:
        from weitiao.reporting import ask_page

        terminal.say(_("page: {path}", path=ask_page.write(answers, page)))
    if json_ and answers:
        for answer in answers:
            terminal.print_json(answer.plain())
    elif answers:
        for answer in answers:
            show_ask.show_answer(answer)


def _check_runs(run: str | None, rerank: str | None, support: str | None) -> None:
    """Raises WeitiaoError where a run is for another task; before PyTorch is loaded."""
    from weitiao.api.ask_runs import check_runs

    check_runs(run, rerank, support)


def _check_questions(
    question: list[str] | None, docs: Path | None, evaluate: Path | None, tune: bool
) -> None:
    """Raises WeitiaoError where something is missing; before anything is loaded or indexed."""
    from weitiao.search.documents import files_in

    if docs is None:
        raise WeitiaoError(_("ask needs a folder of documents: docs=..., or --docs DIR."))
    files_in(docs)
    if not question and evaluate is None:
        raise WeitiaoError(_("what is the question? Put it in quotes behind the run."))
    if not all(one.strip() for one in question or []):
        raise WeitiaoError(_("the question is empty."))
    if tune and evaluate is None:
        raise WeitiaoError(_("--tune needs labelled questions: --evaluate FILE."))
