"""Names of metrics as people write them: in sentences; plans and JSON have their keys."""

from __future__ import annotations

from weitiao.i18n.messages import _


def metric(name: str) -> str:
    """The name of a metric as people write it."""
    names = {
        "accuracy": _("accuracy"),
        "macro_f1": _("macro F1"),
        "micro_f1": _("micro F1"),
        "weighted_f1": _("weighted F1"),
        "hierarchical_f1": _("hierarchical F1"),
        "mcc": "MCC",
        "roc_auc": "ROC AUC",
        "pearson": "Pearson",
        "spearman": "Spearman",
        "mae": "MAE",
        "rmse": "RMSE",
        "entity_f1": _("entity F1"),
        "entity_precision": _("entity precision"),
        "entity_recall": _("entity recall"),
        "token_accuracy": _("token accuracy"),
        "f1": "F1",
        "exact_match": _("exact match"),
        "answerable_auroc": _("AUROC (answerable)"),
        "bleu": "BLEU",
        "chrf": "chrF",
        "rouge1": "ROUGE-1",
        "rouge2": "ROUGE-2",
        "rougel": "ROUGE-L",
        "valid_json": _("valid JSON"),
        "loss": _("loss"),
        "ndcg": "nDCG@10",
        "mrr": "MRR@10",
        "recall_at1": _("recall@{depth}", depth=1),
        "recall_at5": _("recall@{depth}", depth=5),
        "recall_at20": _("recall@{depth}", depth=20),
    }
    return names.get(name, name)
