"""The `feira` command: what an operator types."""

from app.cli.entry import application, main
from app.cli.group import feira

__all__ = ["application", "feira", "main"]
