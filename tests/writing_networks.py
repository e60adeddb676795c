"""Tiny random networks that write, with a tokenizer, and rows that they can learn."""

import random

WORDS = "the a cat dog sees likes big small house tree red blue runs sleeps and".split()
DEUTSCH = dict(zip(WORDS, "das ein kater hund sieht mag gross klein haus baum rot blau rennt "
                   "schlaeft und".split(), strict=True))  # fmt: skip
LANGUAGES = {"source_language": "en", "target_language": "de"}
SEQ2SEQ = ("marian", "t5", "mt5", "bart", "mbart", "m2m_100", "encoder-decoder")
CAUSAL = ("gpt2", "llama", "qwen2", "qwen3", "smollm3", "gemma3_text")
PAD, END, UNKNOWN, BEGIN = range(4)
CHAT = (
    "{% for one in messages %}<s> {{ one['content'] }} and {% endfor %}"
    "{% if add_generation_prompt %}the{% endif %}"
)


def tokenizer_in(folder, chat=False):
    from tokenizers import Tokenizer, models, pre_tokenizers, processors
    from transformers import PreTrainedTokenizerFast

    words = ["<pad>", "</s>", "<unk>", "<s>", *WORDS, *DEUTSCH.values(), ":", "translate"]
    vocabulary = {word: at for at, word in enumerate(dict.fromkeys(words))}
    tokenizer = Tokenizer(models.WordLevel(vocabulary, unk_token="<unk>"))
    tokenizer.pre_tokenizer = pre_tokenizers.WhitespaceSplit()
    tokenizer.post_processor = processors.TemplateProcessing(
        single="$A </s>", pair="$A $B </s>", special_tokens=[("</s>", END)]
    )
    fast = PreTrainedTokenizerFast(
        tokenizer_object=tokenizer, model_max_length=64, pad_token="<pad>", eos_token="</s>",
        unk_token="<unk>", bos_token="<s>", model_input_names=["input_ids", "attention_mask"],
        **({"chat_template": CHAT} if chat else {}),
    )  # fmt: skip
    fast.save_pretrained(folder)
    return len(vocabulary)


def config_of(family, size):
    import transformers

    if family == "encoder-decoder":
        shared = dict(hidden_size=32, num_hidden_layers=1, num_attention_heads=4,
                      intermediate_size=64, max_position_embeddings=80, vocab_size=size,
                      hidden_dropout_prob=0.0, attention_probs_dropout_prob=0.0)  # fmt: skip
        config = transformers.EncoderDecoderConfig.from_encoder_decoder_configs(
            transformers.BertConfig(**shared), transformers.BertConfig(**shared)
        )
        config.decoder_start_token_id, config.pad_token_id, config.eos_token_id = BEGIN, PAD, END
        config.vocab_size = size
        return config
    if family in ("t5", "mt5"):
        settings = dict(d_model=32, d_ff=64, num_layers=1, num_heads=4, d_kv=8, dropout_rate=0.0,
                        decoder_start_token_id=PAD)  # fmt: skip
    elif family in SEQ2SEQ:
        settings = dict(
            d_model=32, encoder_layers=1, decoder_layers=1, encoder_attention_heads=4,
            decoder_attention_heads=4, encoder_ffn_dim=64, decoder_ffn_dim=64, dropout=0.0,
            max_position_embeddings=80, forced_eos_token_id=None,
            decoder_start_token_id=PAD if family == "marian" else END,
        )  # fmt: skip
        if family == "mbart":
            settings["decoder_start_token_id"] = None
    elif family == "gpt2":
        settings = dict(n_embd=32, n_layer=1, n_head=4, n_positions=80, resid_pdrop=0.0,
                        embd_pdrop=0.0, attn_pdrop=0.0)  # fmt: skip
    else:
        settings = dict(hidden_size=32, num_hidden_layers=1, num_attention_heads=4,
                        num_key_value_heads=2, intermediate_size=64, max_position_embeddings=80,
                        head_dim=8)  # fmt: skip
    return transformers.AutoConfig.for_model(
        family, vocab_size=size, pad_token_id=PAD, eos_token_id=END, bos_token_id=BEGIN, **settings
    )


def checkpoint_in(folder, family, chat=False):
    """A folder as users have it: tiny random weights and a tokenizer."""
    import torch
    import transformers

    folder.mkdir(parents=True, exist_ok=True)
    config = config_of(family, tokenizer_in(folder, chat))
    torch.manual_seed(3)
    auto = (transformers.AutoModelForSeq2SeqLM if family in SEQ2SEQ
            else transformers.AutoModelForCausalLM)  # fmt: skip
    network = auto.from_config(config)
    network.save_pretrained(folder)
    return str(folder)


def mbart_in(folder, tokenizer_class):
    """A tiny mBART with the tokenizer of its first version, or of mBART-50."""
    import torch
    import transformers

    words = dict.fromkeys([*WORDS, *DEUTSCH.values()])
    pieces = [("<s>", 0.0), ("<pad>", 0.0), ("</s>", 0.0), ("<unk>", 0.0)]
    pieces += [(f"▁{word}", -1.0) for word in words]
    tokenizer = getattr(transformers, tokenizer_class)(vocab=pieces)
    tokenizer.model_max_length = 64
    tokenizer.save_pretrained(folder)
    torch.manual_seed(3)
    config = config_of("mbart", len(tokenizer))
    config.pad_token_id, config.bos_token_id, config.eos_token_id = 1, 0, 2
    config.decoder_start_token_id = None if tokenizer_class == "MBartTokenizer" else 2
    transformers.MBartForConditionalGeneration(config).save_pretrained(folder)
    return str(folder)


def pairs(count=80, seed=0, longest=6):
    """Sentences and their word by word translations."""
    rng = random.Random(seed)
    rows = []
    while len(rows) < count:
        words = [rng.choice(WORDS) for _ in range(rng.randint(2, longest))]
        row = {"text": " ".join(words), "label": " ".join(DEUTSCH[word] for word in words)}
        rows += [row] if row not in rows else []
    return rows


def plan_for(task, checkpoint, settings=None, **changes):
    from weitiao.planfile.plan import Plan

    plan = Plan.parse({
        "task": {task: {"max_new_tokens": 12, **(settings or {})}},
        "data": {"path": "toy", "roles": {"text": "text", "target": "label"},
                 "validation_size": 0.2},
        "model": {"checkpoint": checkpoint, "max_length": 32},
        "train": {"epochs": 2, "batch_size": 8, "learning_rate": 3e-3, "evaluations": 2,
                  "save_seconds": 1e9, "precision": "fp32", "micro_batch_tokens": 8192,
                  "refit": "never"},
        "evaluate": {"bootstrap_samples": 20},
    })  # fmt: skip
    return plan.with_(changes)


def data_for(plan, rows):
    from weitiao.data.files.table import from_rows
    from weitiao.data.prepare.load import load

    return load(plan.data, plan.task_name, from_rows(rows))
