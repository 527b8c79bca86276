"""Fixtures for the tests of the runtime."""

import os
import pty
import re
import select

import pytest

SEQUENCE = re.compile(r"\x1b\[(\??[\d;]*)([A-Za-z])|(\r)|(\n)|([^\x1b\r\n]+)")


class Terminal:
    """A pseudo terminal: ``stream`` writes to it, ``screen()`` is what a person sees by now."""

    def __init__(self):
        self._master, slave = pty.openpty()
        self.stream = os.fdopen(slave, "w", encoding="utf-8")
        self.raw = ""
        self.cursor_is_hidden = False

    def screen(self):
        while select.select([self._master], [], [], 0.05)[0]:
            self.raw += os.read(self._master, 65536).decode()
        lines, row, column = [""], 0, 0
        for arguments, command, carriage_return, newline, text in SEQUENCE.findall(self.raw):
            if text:
                lines[row] = lines[row][:column].ljust(column) + text + lines[row][column + len(text) :]
                column += len(text)
            elif carriage_return:
                column = 0
            elif newline:
                row += 1
                lines += [""] * (row == len(lines))
            elif command == "A":
                row -= int(arguments or 1)
            elif command == "K":
                lines[row] = "" if arguments == "2" else lines[row][:column]
            elif arguments == "?25":
                self.cursor_is_hidden = command == "l"
        return "\n".join(line.rstrip() for line in lines).rstrip().split("\n")

    def close(self):
        self.stream.close()
        os.close(self._master)


@pytest.fixture
def terminal(monkeypatch):
    monkeypatch.setenv("TERM", "xterm-256color")
    terminal = Terminal()
    yield terminal
    terminal.close()
