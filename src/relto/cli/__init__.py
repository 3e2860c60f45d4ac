"""Commands: the only place where rooms are wired together.

Answers on stdout, talk on stderr, `--json` on every command, exit codes as
`relto.cli.output.Exit` says.
"""

from relto.cli.app import app, main

__all__ = ["app", "main"]
