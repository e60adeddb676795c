"""Target formats: tagging schemes (BIO), answer spans in passages, hierarchical labels."""
