"""The command line (typer): commands, options, help pages, terminal output."""
