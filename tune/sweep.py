"""Find good settings of a method: train with many, and see which did best. No labels are needed.

    python tune/sweep.py jule --data photos/ --clusters 20 --trials 20 --out sweeps/photos
    python tune/sweep.py jule --data digits --out sweeps/digits --space unroll_rate=0.2:0.95 learning_rate=log:1e-3:1e-1
    python tune/sweep.py dccm --data photos/ --clusters 10 --search grid --space alpha=1,5 beta=0,0.1 --out ...
    python tune/sweep.py concurl --data photos/ --clusters 10 --fixed epochs=100 --scheduler asha --out sweeps/concurl
    python tune/sweep.py jule --data usps.npz --clusters 10 --objective nmi --out sweeps/usps    known classes decide

trials.parquet holds every trial's settings, scores and seconds, best.json the best settings (jobs/train.py --config
takes them), sweep.html pictures, trials/ the run folders. The same command again continues what was killed.
"""

from __future__ import annotations

import sys
from dataclasses import make_dataclass
from typing import Annotated, Any

from raycluster.cli.exit_codes import run_command

STOPPED = "Stopped. The same command keeps the finished trials and continues the others."


def main(arguments: list[str]) -> int:
    """Run the command, and return its exit code: 0 complete, 2 bad call or input, 1 failed, 130 or 143 stopped."""
    method = arguments.pop(0) if arguments and not arguments[0].startswith("-") else "jule"

    def work() -> None:
        options, preset = parse(method, arguments)
        from raycluster.sweeps.sweep import sweep

        sweep(options, method, preset)

    return run_command(work, STOPPED)


def parse(method: str, arguments: list[str]) -> tuple[Any, str]:
    """Return the options and the name of the preset; the flags are made from the dataclass."""
    import tyro

    from raycluster.methods import find_method
    from raycluster.sweeps.sweep import SweepOptions

    presets = find_method(method).presets
    preset_type = Annotated[
        str, tyro.conf.arg(help="Where the settings that are not tried come from.", metavar="|".join(presets))
    ]
    flags: Any = tyro.cli(
        make_dataclass("Flags", [("common", SweepOptions), ("preset", preset_type, "default")]),
        prog=f"python tune/sweep.py {method}",
        description=f"{__doc__}\nBy default {method} tries: {', '.join(find_method(method).search_space)}",
        args=arguments,
        config=(tyro.conf.OmitArgPrefixes,),
    )
    return flags.common, flags.preset


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
