"""What writes texts anew for augmentation: translators, language models, a service."""
