"""Internationalization: messages in English and Chinese."""
