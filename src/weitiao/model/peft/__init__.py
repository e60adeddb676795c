"""Adapters by peft: built in, run by own kernels, prefixes."""
