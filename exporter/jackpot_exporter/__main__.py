"""The command `jackpot-exporter`."""

from __future__ import annotations

from . import cli, logs


def main() -> None:
    """Run the command that the process was started with."""
    logs.tell_crashes()
    cli.main()


if __name__ == "__main__":
    main()
