"""Train a clustering method on images.

    python jobs/train.py                                              JULE on scikit-learn's digits, a minute or two
    python jobs/train.py jule --data photos/ --clusters 20            a folder of images
    python jobs/train.py jule --data faces/ --clusters 20 --unroll-rate 0.2 --labels folders
    python jobs/train.py jule --data photos/ --clusters auto          nobody knows how many there are
    python jobs/train.py jule --data usps.npz --clusters 10 --preset paper --workers 2
    python jobs/train.py dccm --data photos/ --clusters 10            DCCM, for GPUs; with --preset cpu for fewer steps
    python jobs/train.py concurl --data photos/ --clusters 10         ConCURL, for GPUs; --preset cpu here too
    python jobs/train.py --config sweeps/photos/best.json             settings from a file, such as a sweep leaves

The run folder holds the clusters (assignments.parquet), the embeddings, the model and the metrics; that of jule
also the merge tree.
The same command again continues what was killed. Settings given as flags come before those of --config FILE (JSON or
YAML, by the flags' names), and those before the preset.
"""

from __future__ import annotations

import sys
from dataclasses import make_dataclass
from typing import Annotated, Any

from raycluster.cli.exit_codes import run_command

STOPPED = "Stopped. The same command continues from the last checkpoint."


def main(arguments: list[str]) -> int:
    """Run the command, and return its exit code: 0 complete, 2 bad call or input, 1 failed, 130 or 143 stopped."""
    method = arguments.pop(0) if arguments and not arguments[0].startswith("-") else None

    def work() -> None:
        from raycluster.cli.config_file import given_config, read_config

        path, flags = given_config(arguments)
        config = read_config(path, method) if path else {}
        chosen = method or config.get("method", "jule")
        options, settings = parse(chosen, flags, config)
        from raycluster.api import train_with

        train_with(options, chosen, settings)

    return run_command(work, STOPPED)


def parse(method: str, arguments: list[str], config: dict[str, Any] | None = None) -> tuple[Any, Any]:
    """Return the options and the method's settings; the flags are made from their dataclasses."""
    import argparse

    import tyro

    from raycluster.api import TrainOptions
    from raycluster.cli.config_file import as_flags
    from raycluster.methods import find_method

    chosen = find_method(method)
    arguments = as_flags(config or {}, (TrainOptions, chosen.settings)) + arguments
    first_look = argparse.ArgumentParser(add_help=False, allow_abbrev=False)
    first_look.add_argument("--preset", choices=list(chosen.presets), default="default")
    preset = first_look.parse_known_args(arguments)[0].preset

    about_preset = "Where the settings of the method start from; paper: the published ones."
    preset_type = Annotated[str, tyro.conf.arg(help=about_preset, metavar="|".join(chosen.presets))]
    flags_class = make_dataclass(
        "Flags", [("common", TrainOptions), ("preset", preset_type), (method, chosen.settings)]
    )
    flags: Any = tyro.cli(
        flags_class,
        prog=f"python jobs/train.py {method}",
        description=__doc__,
        args=arguments,
        default=flags_class(TrainOptions(), preset, chosen.presets[preset]),
        config=(tyro.conf.OmitArgPrefixes,),
    )
    return flags.common, getattr(flags, method)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
