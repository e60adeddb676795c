"""Adapters for parameter-efficient fine-tuning (PEFT): few weights learn, the others are frozen."""
