"""The program `weitiao`: the command line in a process of its own."""

from __future__ import annotations

from weitiao.core import left_out


def main() -> None:
    """Run the command line."""
    left_out.leave_out()
    from weitiao.cli.app import main

    main()
