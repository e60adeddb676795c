"""Aliases: settings of transformers' TrainingArguments and their counterparts in a plan.

The names are those of TrainingArguments and of the example scripts. Where something else takes
their place, a sentence says what; other names are reported as unknown settings.
"""

from __future__ import annotations

from weitiao.i18n.messages import N_, _, translated

# Name -> the setting of ours.
ALIASES = {
    "num_train_epochs": "train.epochs",
    "num_epochs": "train.epochs",
    "per_device_train_batch_size": "train.batch_size",
    "per_gpu_train_batch_size": "train.batch_size",
    "train_batch_size": "train.batch_size",
    "gradient_accumulation_steps": "train.batch_size",
    "auto_find_batch_size": "train.micro_batch_tokens",
    "per_device_eval_batch_size": "train.micro_batch_tokens",
    "per_gpu_eval_batch_size": "train.micro_batch_tokens",
    "eval_accumulation_steps": "train.micro_batch_tokens",
    "lr": "train.learning_rate",
    "warmup_steps": "train.warmup_ratio",
    "warmup_proportion": "train.warmup_ratio",
    "max_steps": "train.epochs",
    "lr_scheduler_type": "train.schedule",
    "lr_scheduler_kwargs": "train.schedule",
    "optim": "train.optimizer",
    "optim_args": "train.optimizer",
    "adafactor": "train.optimizer",
    "adam_beta1": "train.optimizer",
    "adam_beta2": "train.optimizer",
    "adam_epsilon": "train.optimizer",
    "early_stopping_patience": "train.patience",
    "eval_steps": "train.evaluations",
    "eval_strategy": "train.evaluations",
    "evaluation_strategy": "train.evaluations",
    "save_steps": "train.save_seconds",
    "save_strategy": "train.save_seconds",
    "bf16": "train.precision",
    "fp16": "train.precision",
    "bf16_full_eval": "train.precision",
    "fp16_full_eval": "train.precision",
    "half_precision_backend": "train.precision",
    "label_smoothing_factor": "train.loss",
    "data_seed": "train.seed",
    "layer_wise_decay": "train.strategies",
    "metric_for_best_model": "evaluate.metrics",
    "max_seq_length": "model.max_length",
    "truncation": "model.long_texts",
    "truncation_side": "model.long_texts",
    "stride": "model.long_texts",
    "doc_stride": "model.long_texts",
    "model_name_or_path": "model.checkpoint",
    "pretrained_model_name_or_path": "model.checkpoint",
    "model_name": "model.checkpoint",
    "model_revision": "model.revision",
    "hidden_dropout_prob": "model.dropout",
    "classifier_dropout": "model.dropout",
    "train_file": "data.path",
    "dataset_name": "data.path",
    "test_file": "data.test_path",
    "validation_file": "data.validation_path",
    "validation_split": "data.validation_size",
    "max_train_samples": "data.max_rows",
    "text_column_name": "data.roles",
    "text_column_names": "data.roles",
    "label_column_name": "data.roles",
    "label_names": "data.roles",
}

_BATCH = N_(
    "It counts the rows of one optimizer step; train.micro_batch_tokens limits the tokens of one "
    "forward pass."
)
_SHARE = N_("It is a proportion of all steps, not a number of steps.")
_ADAM = N_("Its settings stand below its name: optimizer: {adamw: {betas: [0.9, 0.999]}}.")
_TIMES = N_("It says how many times in all, evenly spaced, not after how many steps.")
_PRECISION = N_("Write bf16 or fp32; fp16 is not offered.")
_ROLES = N_("Write roles: {text: COLUMN, target: COLUMN}.")

# Name -> what else there is to know about it.
NOTES = {
    "gradient_accumulation_steps": _BATCH,
    "per_device_train_batch_size": _BATCH,
    "warmup_steps": _SHARE,
    "max_steps": N_("A part of an epoch can be asked for: 0.5."),
    "lr_scheduler_kwargs": N_("Settings stand below its name: schedule: {cosine: {floor: 0}}."),
    "optim_args": _ADAM,
    "adam_beta1": _ADAM,
    "adam_beta2": _ADAM,
    "adam_epsilon": N_("Its settings stand below its name: optimizer: {adamw: {eps: 1e-8}}."),
    "eval_steps": _TIMES,
    "eval_strategy": _TIMES,
    "evaluation_strategy": _TIMES,
    "save_steps": N_("It is the least time between two checkpoints."),
    "fp16": _PRECISION,
    "bf16": _PRECISION,
    "label_smoothing_factor": N_("Write loss: {cross_entropy: {label_smoothing: 0.1}}."),
    "layer_wise_decay": N_("Write strategies: {layer_decay: {decay: 0.9}}."),
    "metric_for_best_model": N_("The first one picks the best weights."),
    "validation_file": N_("Validation rows are split off the training rows."),
    "text_column_name": _ROLES,
    "label_column_name": _ROLES,
    "label_names": _ROLES,
}

_OUT = N_("The folder is no part of a plan: weitiao train plan.yaml --out FOLDER.")
_LOG = N_("Every update stands in log.jsonl of the run.")
_BEST = N_("The best weights are always kept, in best/.")
_LAST = N_("The newest checkpoint is always kept, in last/, as safetensors.")
_VERBS = N_("Training and evaluation are commands: weitiao train, weitiao evaluate.")
_HUB = N_("Nothing is uploaded; best/ is a plain transformers folder that you may upload.")
_LENGTHS = N_("Rows of like length are put together anyway.")
_DEVICE = N_("The device is found by itself; CUDA_VISIBLE_DEVICES= hides a graphics card.")
_PROCESSES = N_("Several processes are a matter of torchrun, not of the plan.")
_SHARDS = N_("Write train.sharding: full.")
_LOADING = N_("Rows are read by one process, as token ids that lie ready.")
_NOISE = N_("Noise on word vectors is train.strategies: {fgm: {epsilon: 0.5}}.")
_SAFE = N_("Code that comes with a checkpoint is never run.")
_LABELS = N_("Labels are learned from the rows.")
_COLUMNS = N_("Columns without a role are left alone.")

# Name -> what weitiao does instead: there is no such setting.
INSTEAD = {
    **dict.fromkeys(["output_dir", "overwrite_output_dir", "run_name", "logging_dir"], _OUT),
    **dict.fromkeys([
        "logging_steps", "logging_strategy", "logging_first_step", "log_level",
        "log_level_replica", "log_on_each_node", "report_to", "disable_tqdm",
        "logging_nan_inf_filter", "include_num_input_tokens_seen", "trackio_space_id",
        "trackio_bucket_id", "trackio_static_space_id", "project",
    ], _LOG),
    **dict.fromkeys(["load_best_model_at_end", "greater_is_better"], _BEST),
    **dict.fromkeys([
        "save_total_limit", "save_safetensors", "save_only_model", "save_on_each_node",
        "enable_jit_checkpoint",
    ], _LAST),
    **dict.fromkeys(["do_train", "do_eval", "do_predict"], _VERBS),
    **dict.fromkeys([
        "push_to_hub", "hub_model_id", "hub_strategy", "hub_token", "hub_private_repo",
        "hub_always_push", "hub_revision", "push_to_hub_token",
    ], _HUB),
    "resume_from_checkpoint": N_("A run goes on by weitiao train --resume RUN."),
    **dict.fromkeys([
        "group_by_length", "length_column_name", "pad_to_max_length", "train_sampling_strategy",
    ], _LENGTHS),
    **dict.fromkeys(["no_cuda", "use_cpu", "use_mps_device"], _DEVICE),
    **dict.fromkeys([
        "local_rank", "deepspeed", "fsdp_config", "ddp_backend", "ddp_timeout",
        "ddp_bucket_cap_mb", "ddp_broadcast_buffers", "ddp_find_unused_parameters",
        "ddp_static_graph", "accelerator_config", "parallelism_config",
        "average_tokens_across_devices", "ray_scope",
    ], _PROCESSES),
    **dict.fromkeys([
        "dataloader_num_workers", "dataloader_drop_last", "dataloader_pin_memory",
        "dataloader_prefetch_factor", "dataloader_persistent_workers", "cache_dir",
        "preprocessing_num_workers", "overwrite_cache", "dataloader_in_order",
        "dataloader_multiprocessing_context",
    ], _LOADING),
    "fsdp": _SHARDS,
    "neftune_noise_alpha": _NOISE,
    "trust_remote_code": _SAFE,
    **dict.fromkeys(["num_labels", "problem_type", "id2label", "label2id"], _LABELS),
    "remove_unused_columns": _COLUMNS,
}  # fmt: skip


def counterpart(name: str) -> str:
    """Message about the counterpart of one of transformers' settings; empty for other names."""
    if name in ALIASES:
        note = translated(NOTES.get(name, ""))
        return _(
            "transformers' {name} is called {ours} here. {note}",
            name=name,
            ours=ALIASES[name],
            note=note,
        ).rstrip()
    if name in INSTEAD:
        instead = translated(INSTEAD[name])
        return _("weitiao has no {name}. {instead}", name=name, instead=instead)
    return ""
