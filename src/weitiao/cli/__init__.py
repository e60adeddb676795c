"""The command line: its verbs, options, help, and what it prints."""
