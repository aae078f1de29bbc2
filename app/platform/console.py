"""What a command tells while it works: a spinner and bars on a terminal, a line a step elsewhere. On standard error."""

import time
from types import TracebackType
from typing import Self

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, SpinnerColumn, TaskID, TextColumn, TimeElapsedColumn


class Steps:
    """The steps of one command, one after the other; each ends where the next begins."""

    def __init__(self) -> None:
        self.console = Console(stderr=True, highlight=False)
        self._live: Progress | None = None
        self._task: TaskID | None = None
        self._text = ""
        self._since = 0.0

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._close("[red]✗[/]" if kind is not None else "[green]✓[/]")

    def __call__(self, text: str) -> None:
        """The next step begins: "migrating the database"."""
        self._close("[green]✓[/]")
        self._text, self._since = text, time.monotonic()
        if not self.console.is_terminal:
            self.console.print(f"  {text} …", markup=False)
            return
        self._live = Progress(SpinnerColumn(), TextColumn("{task.description}"), console=self.console, transient=True)
        self._live.start()
        self._task = self._live.add_task(text, total=None)

    def bar(self, text: str, done: int, total: int) -> None:
        """How far the step `text` is, which begins with the first call."""
        if text != self._text:
            self(text)
            if self._live is not None:
                self._live.columns = (*self._live.columns, BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
        if self._live is not None and self._task is not None:
            self._live.update(self._task, completed=done, total=total)

    def end(self) -> None:
        """The last step is done."""
        self._close("[green]✓[/]")

    def _close(self, mark: str) -> None:
        if self._live is not None:
            self._live.stop()
            self.console.print(f"{mark} {self._text} [dim]{time.monotonic() - self._since:.1f} s[/]")
        self._live, self._task, self._text = None, None, ""
