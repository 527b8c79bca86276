"""``raycluster``: the one command that all others are subcommands of."""

from __future__ import annotations

import functools
import operator
import sys
from typing import Annotated, Any

import raycluster
from raycluster.cli.assign import ASSIGN
from raycluster.cli.cluster import CLUSTER
from raycluster.cli.command import Command, Values
from raycluster.cli.config_file import renamed
from raycluster.cli.embed import EMBED
from raycluster.cli.evaluate import EVALUATE
from raycluster.cli.exit_codes import run_command
from raycluster.cli.export import EXPORT
from raycluster.cli.show import SHOW
from raycluster.cli.sweep import SWEEP
from raycluster.cli.train import TRAIN
from raycluster.cli.tyro_form import form
from raycluster.runtime.console import Console

COMMANDS = {command.name: command for command in (TRAIN, EMBED, CLUSTER, ASSIGN, EVALUATE, SHOW, EXPORT, SWEEP)}
ABOUT = """Cluster images without labels: pretrained networks, JULE, DCCM and ConCURL.

Examples:
  raycluster train                                 try it on digits
  raycluster train --data photos/ --clusters 20    cluster a folder of images
  raycluster train --data photos/ --clusters auto  let JULE choose the number
  raycluster cluster photos/ --out runs/photos     photographs, without training
  raycluster train --help                          the methods
  raycluster --version"""


def main(arguments: list[str] | None = None) -> int:
    """Run a command, and return its exit code.

    Parameters
    ----------
    arguments : list of str, optional
        The words of the command line after ``raycluster``; by default those of this process.

    Returns
    -------
    exit_code : int
        0 complete, 2 bad call or input, 1 failed, 130 or 143 stopped.
    """
    words = sys.argv[1:] if arguments is None else arguments
    if words == ["--version"]:
        print(f"raycluster {raycluster.__version__}")
        return 0
    command = COMMANDS.get(words[0]) if words else None

    def work() -> None:
        chosen, values = parse(words or ["--help"])
        with Console(quiet=values["quiet"]) as console:
            console.progress("loading libraries")  # which takes seconds
            chosen.run(values, console)

    return run_command(work, command.stopped if command else "Stopped.")


def parse(words: list[str]) -> tuple[Command, Values]:
    """Return the command that the words of a command line begin with, and the values of its flags.

    Raises
    ------
    UserError
        If a config file is not as it should be.
    SystemExit
        With 2 after a message about words that cannot be parsed, with 0 after ``--help``.
    """
    import tyro

    asked = COMMANDS.get(words[0])
    words = asked.expand(renamed(words)) if asked else words
    tree = asked.tree(words) if asked else None
    nothing = form("nothing", [])  # the flags of the other commands are not needed
    choices: list[Any] = []
    for command in COMMANDS.values():
        about, made_of = (command.about, tree) if command is asked else (command.summary, nothing)
        choice = tyro.conf.subcommand(command.name, description=about, constructor=made_of)
        choices.append(Annotated[Any, choice])
    parsed = tyro.cli(
        functools.reduce(operator.or_, choices),
        prog="raycluster",
        description=ABOUT,
        args=words,
        config=(tyro.conf.OmitArgPrefixes, tyro.conf.OmitSubcommandPrefixes),
    )
    if asked is None:
        raise RuntimeError(f"{words[0]} is no command, and was parsed")
    return asked, asked.values(parsed)


if __name__ == "__main__":
    sys.exit(main())
