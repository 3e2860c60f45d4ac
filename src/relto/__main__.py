"""`python -m relto` is the `relto` command."""

from relto.cli import main

if __name__ == "__main__":
    raise SystemExit(main())
