"""Texts of the annotation pages, in the current language."""

from __future__ import annotations

from weitiao.i18n.messages import _


def page_texts() -> dict[str, str]:
    """Name -> text, for the templates and the scripts; {name} in a text is filled by the script."""
    return {
        "annotate": _("Label rows"),
        "rename": _("another name"),
        "figures": _("Figures"),
        "decide": _("Disagreements"),
        "skip_to": _("To the text"),
        "your_name": _("Your name"),
        "begin": _("Begin"),
        "name_why": _("It stands beside every answer, so that several annotators can be compared."),
        "row": _("Row"),
        "answer": _("Answer"),
        "save_next": _("Save and next"),
        "skip": _("Skip"),
        "undo": _("Undo"),
        "comment": _("Comment"),
        "guideline": _("Guideline"),
        "help": _("Keys"),
        "version": _("version {{version}}"),
        "edit": _("Edit"),
        "save_version": _("Save as a new version"),
        "no_guideline": _("There is no guideline yet."),
        "older": _("{{count}} rows of yours were labelled under an older version."),
        "reopen": _("Show them again"),
        "search": _("Search labels"),
        "none": _("None of them"),
        "no_answer": _("No answer in the text"),
        "back": _("Back"),
        "suggested": _("suggested"),
        "your_answer": _("your answer so far"),
        "mine": _("{{mine}} labelled by you, {{all}} in all, {{left}} left"),
        "saved": _("Saved. Next row."),
        "skipped": _("Skipped. Next row."),
        "undone": _("Taken back: the row before."),
        "all_done": _("All rows are labelled, skipped, or open with somebody else."),
        "offline": _("The server does not answer. The answer is not saved yet; trying again."),
        "not_saved": _("Not saved: {{reason}}"),
        "select_first": _("Mark a place in the text first."),
        "overlap": _("This place has this label already."),
        "spans": _("Marked places"),
        "remove": _("Remove"),
        "nothing_marked": _("Nothing is marked."),
        "number": _("Number"),
        "between": _("between {{low}} and {{high}}"),
        "your_text": _("Your text"),
        "keys_label": _("A key on a button chooses it and saves."),
        "keys_labels": _("A key on a button switches it; Enter saves."),
        "keys_number": _("Type the number; Enter saves."),
        "keys_scale": _("A digit on a button saves at once; in the field, Enter saves."),
        "keys_text": _("Type the text; Ctrl+Enter saves."),
        "keys_spans": _(
            "Arrow keys move word by word, with Alt character by character; Shift marks. A key on "
            "a button labels what is marked; Backspace removes the last; Enter saves."
        ),
        "keys_passage": _(
            "Arrow keys move word by word, with Alt character by character; Shift marks. Enter "
            "saves what is marked; n: no answer."
        ),
        "keys_all": _("u undo, s skip, c comment, g guideline, / search, ? these keys."),
        "keys_in_field": _("In a field: Esc leaves it, or hold Alt with these keys."),
        "enter_accepts": _("Enter accepts the suggestion."),
        "meter_title": _("Label meter"),
        "meter_wait": _(
            "The meter speaks when both arms have 20 labels: the chosen order and the random one."
        ),
        "meter_saved": _(
            "At {{labels}} labels in random order, the chosen order needs {{saved}} % fewer for "
            "the same score ({{low}} to {{high}})."
        ),
        "meter_untold": _(
            "It cannot be told how many labels the order saves: the learning curves do not fall "
            "clearly."
        ),
        "meter_worse": _(
            "The chosen order saves nothing here: it does not reach what random order reaches with "
            "{{labels}} labels."
        ),
        "meter_not": _("The chosen order does not pay here: rows come in random order."),
        "meter_score": _(
            "Score of a linear model on the random arm: {{score}} % ({{low}} to {{high}})."
        ),
        "meter_more": _("About {{more}} further labels to {{goal}} % ({{low}} to {{high}})."),
        "meter_unseen": _("The line of {{goal}} % is not in sight with this model."),
        "meter_reached": _("The line of {{goal}} % is reached."),
        "unbounded": _("no end in sight"),
        "meter_basis": _(
            "Measured on {{rows}} random rows, which the order never sees; 95 % intervals."
        ),
        "progress": _("Progress"),
        "labels": _("Labels"),
        "count": _("Number of rows"),
        "annotators": _("Annotators"),
        "name": _("Name"),
        "seconds": _("Median seconds a row"),
        "skipped_rows": _("Skipped"),
        "gold": _("Gold rows right"),
        "reliability": _("Reliability (Dawid-Skene)"),
        "agreement": _("Agreement"),
        "shared": _("{{rows}} rows have two answers or more."),
        "same": _("Equal answers"),
        "alpha": _("Krippendorff's alpha"),
        "fleiss": _("Fleiss' kappa"),
        "cohen": _("Cohen's kappa"),
        "overlap_f1": _("Mean F1 of the spans"),
        "anchoring": _("Anchoring"),
        "anchoring_text": _(
            "Answers equal the pre-label in {{shown}} % of {{shown_rows}} rows where it was shown, "
            "in {{hidden}} % of {{hidden_rows}} where it was hidden: {{difference}} points "
            "({{low}} to {{high}})."
        ),
        "anchoring_wait": _("Needs ten answers each with a pre-label shown and with one hidden."),
        "journal": _("Every answer stands in {{path}}."),
        "disputed": _("{{count}} rows with different answers are open."),
        "no_disputes": _("No rows with different answers are open."),
        "is_right": _("This one"),
        "decided": _("Decided."),
        "loading": _("Loading"),
        "curve": _("Score by labels"),
        "arm_chosen": _("chosen order"),
        "arm_random": _("random arm"),
        "n_labels": _("labels"),
    }
