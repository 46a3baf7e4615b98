"""The command line: joins the rooms; the only place that prints and exits."""

from kvmctl.cli.app import main

__all__ = ["main"]
