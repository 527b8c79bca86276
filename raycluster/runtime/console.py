"""What a command shows: lines that last, and one live line for the stage that is running."""

from __future__ import annotations

import math
import sys
import time
from types import TracebackType
from typing import TextIO

import rich.console
from rich.live import Live
from rich.text import Text

from raycluster.runtime.stand_in import shown
from raycluster.runtime.units import duration, stopwatch

LOG_S = 10.0  # at least this long between two lines of progress in a log
STILL_S = 60.0  # and this long where nothing has changed
BRIEF_S = 1.0  # a stage that was over sooner, and had nothing to report, leaves no line
FRAMES_PER_S = 8
SPINNER = "⠋⠙⠹⠸⠼⠴⠦⠧⠇⠏"
PLAIN_SPINNER = "|/-\\"


class Console:
    """The terminal, or the log file, of one command.

    On a terminal, the stage that is running has one live line, rewritten in place, with a spinner and the time it has
    taken so far; it stays with its last state when the next stage begins. In a pipe or a log file, the same states are
    plain lines, one every ten seconds at most, and always the last one of a stage.

    Parameters
    ----------
    quiet : bool
        Show nothing but warnings.
    stream : text stream, optional
        By default the standard output.
    errors : text stream, optional
        Where warnings go, by default the standard error.

    Notes
    -----
    Use it as a context manager, so that the live line is always closed. It may be entered more than once.
    """

    def __init__(self, quiet: bool = False, stream: TextIO | None = None, errors: TextIO | None = None) -> None:
        self._quiet = quiet
        self._out = rich.console.Console(file=stream, force_jupyter=False)
        self._errors = rich.console.Console(file=errors, stderr=True, force_jupyter=False)
        self._is_standard_output = stream is None
        # Not rich's own is_terminal: FORCE_COLOR makes it true in pipes.
        self._is_live = self._out.file.isatty() and not self._out.is_dumb_terminal
        self._live: Live | None = None
        self._stage = self._state = ""
        self._is_said = True  # whether a line that lasts says what the stage has to say
        self._began = 0.0
        self._last_line = -math.inf

    def __enter__(self) -> Console:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.close()

    def say(self, text: str) -> None:
        """Write a line that lasts, in place of what the present stage has shown so far."""
        if self._quiet:
            return
        self._state, self._is_said = "", True
        self._write(shown(text))

    def warn(self, text: str) -> None:
        """Write a warning to the standard error, even when quiet."""
        # Where both are the terminal, the live line has to make room.
        console = self._out if self._live and self._errors.file.isatty() else self._errors
        console.print(Text(f"warning: {shown(text)}", style="yellow"), soft_wrap=True)

    def progress(self, stage: str, state: str = "") -> None:
        """Show that a stage has begun, or how far it is.

        Parameters
        ----------
        stage : str
            What is being done, such as ``starting Ray``. A new one ends the one before.
        state : str
            A line that says how far it is, shown in place of ``stage``.
        """
        if self._quiet:
            return
        stage, state = shown(stage), shown(state)
        if stage != self._stage:
            self.close()
            self._begin(stage, state)
        elif state not in ("", self._state):
            self._state, self._is_said = state, False
        if not self._is_live:
            self._log()

    def close(self) -> None:
        """End the present stage: its last state stays."""
        if self._live:
            self._live.stop()
            self._live = None
        took = time.monotonic() - self._began
        if not self._is_said and (self._state or took >= BRIEF_S):
            self._write(f"{self._line}  {duration(took)}")
        self._stage = self._state = ""
        self._is_said = True

    def _begin(self, stage: str, state: str) -> None:
        self._stage, self._state, self._began = stage, state, time.monotonic()
        self._is_said = not self._is_live
        if self._is_live:
            self._live = Live(
                get_renderable=self._render,
                console=self._out,
                transient=True,
                refresh_per_second=FRAMES_PER_S,
                redirect_stdout=self._is_standard_output,
                redirect_stderr=self._is_standard_output and sys.stderr.isatty(),
            )
            self._live.start()
        else:
            self._write(self._line)

    @property
    def _line(self) -> str:
        return self._state or self._stage

    def _render(self) -> Text:
        frames = SPINNER if self._out.encoding.startswith("utf") else PLAIN_SPINNER
        elapsed = time.monotonic() - self._began
        line = Text(f"{frames[int(elapsed * FRAMES_PER_S) % len(frames)]} ")
        return line.append(stopwatch(elapsed), style="dim").append(f"  {self._line}")

    def _log(self) -> None:
        """Write the state as a line, unless the last line is too recent."""
        since = time.monotonic() - self._last_line
        if since >= STILL_S:
            self._write(f"{self._line}  ({duration(time.monotonic() - self._began)} so far)")
        elif since >= LOG_S and not self._is_said:
            self._write(self._line)
        else:
            return
        self._is_said = True

    def _write(self, text: str) -> None:
        self._last_line = time.monotonic()
        self._out.print(Text(text), soft_wrap=True)
