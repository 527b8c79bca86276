"""Which file in which folder each image becomes: one folder for each name of a cluster, and no name twice."""

from __future__ import annotations

import itertools
import os
import re
import unicodedata
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field

import numpy as np

from raycluster.data.image.formats import IMAGE_SUFFIXES
from raycluster.options import Transfer
from raycluster.results.assigned import AssignedRows
from raycluster.results.members import has_suffix, local_files
from raycluster.results.names import usual_name
from raycluster.results.originals import Originals
from raycluster.runtime.units import count, size

WRONG = "wrong"  # the folder of images that are marked as being in the wrong cluster
NOT_A_FILE = "it is not a file of its own on this machine: it can only be copied"
LONGEST = 255  # bytes in the name of a file
LONGEST_FOLDER = 100
LONGEST_SUFFIX = max(map(len, IMAGE_SUFFIXES))
MOST_SHOWN = 20
NOT_IN_NAMES = re.compile(r'[\x00-\x1f\x7f<>:"/\\|?*]')
NOT_IN_FILES = re.compile(r"[\x00/]")
DOES = {
    "copy": "copy",
    "hardlink": "make hard links to",
    "symlink": "make symbolic links to",
    "script": "write a script that moves",
}


@dataclass(frozen=True)
class FolderPlan:
    """What becomes of every image of a run.

    Attributes
    ----------
    folders, files : list of str, length n
        Names, of a file without the suffix that it still needs where it is not known before the image is read; empty
        where the image is not taken.
    reasons : dict of int to str
        Why images are not taken, by row.
    is_file : ndarray of bool, shape (n,)
        Whether the image is a file of its own on this machine.
    repeated : int
        How many images have been given another name, because theirs was taken.
    n_bytes : int
        What the images take, roughly where they are not files.
    """

    folders: list[str]
    files: list[str]
    reasons: dict[int, str]
    is_file: np.ndarray
    repeated: int
    n_bytes: int

    @property
    def taken(self) -> np.ndarray:
        """The rows of the images that are taken, int64, ascending."""
        return np.setdiff1d(np.arange(len(self.files)), list(self.reasons))

    def suffix_of(self, place: int, suffix: str) -> str:
        """Return what has to be added to the file name of an image in this format: nothing, if it has a suffix."""
        return "" if has_suffix(self.files[place]) else suffix

    def describe(self, transfer: Transfer, out: object) -> str:
        """Say in lines what is done with how many images."""
        sizes = Counter(self.folders[place] for place in self.taken.tolist())
        n = count(sum(sizes.values()), "image")
        room = f" ({size(self.n_bytes)})" if transfer == "copy" else ""
        lines = [f"To {DOES[transfer]} {n}{room}, in {count(len(sizes), 'folder')} of {out}:"]
        width = max(map(len, sizes), default=0)
        shown = sorted(sizes.items(), key=lambda item: (item[0] == WRONG, -item[1], item[0]))
        lines += [f"  {name:<{width}}  {times:>9,}" for name, times in shown[:MOST_SHOWN]]
        if rest := shown[MOST_SHOWN:]:
            lines.append(f"  {f'{len(rest):,} others':<{width}}  {sum(times for _, times in rest):>9,}")
        if self.repeated:
            lines.append(
                f"{count(self.repeated, 'name')} would occur twice in a folder, and get the image's id as well."
            )
        return "\n".join(lines)


def plan_folders(rows: AssignedRows, originals: Originals, transfer: Transfer) -> FolderPlan:
    """Plan the folders of a run's clusters. It depends on nothing but its input, so that a repetition is the same.

    Parameters
    ----------
    rows : AssignedRows
    originals : Originals
    transfer : {"copy", "hardlink", "symlink", "script"}
        All but copies need files.
    """
    n = len(rows.paths)
    reasons = dict(originals.reasons)
    found = originals.found
    is_file = np.zeros(n, bool)
    is_file[found] = local_files(originals.rows)[originals.row[found]]
    if transfer != "copy":
        reasons |= dict.fromkeys(found[~is_file[found]].tolist(), NOT_A_FILE)
    name_of = folder_names(rows.names)
    takers = {name: NameTaker() for name in [*name_of.values(), WRONG]}
    folders, files, clusters = [""] * n, [""] * n, rows.clusters.tolist()
    for place in range(n):
        if place not in reasons:
            folders[place] = WRONG if rows.is_wrong[place] else name_of[clusters[place]]
            stem, ending = _split(rows.paths[place], bool(is_file[place]))
            files[place] = takers[folders[place]].take(stem, ending, _marks(rows.ids[place]))
    taken = originals.row[np.setdiff1d(found, list(reasons))]
    repeated = sum(taker.repeated for taker in takers.values())
    return FolderPlan(folders, files, reasons, is_file, repeated, int(originals.rows.n_bytes[taken].sum()))


@dataclass
class NameTaker:
    """Gives out names in one folder, each only once, also where upper and lower case are not told apart."""

    whole: set[str] = field(default_factory=set)
    stems: set[str] = field(default_factory=set)  # of whole names
    unfinished: set[str] = field(default_factory=set)  # names that may still get a suffix
    repeated: int = 0

    def take(self, stem: str, ending: str, marks: Iterable[str]) -> str:
        """Return ``stem`` + ``ending``, or the first of ``stem`` + mark + ``ending`` that is free.

        The stem is shortened where the name would be too long. Without an ending, the name is free with any suffix.
        """
        for mark in itertools.chain([""], marks):
            name = _shortened(stem, mark + ending)
            key, bare = _key(name), _key(os.path.splitext(name)[0])
            if ending and key not in self.whole and bare not in self.unfinished:
                self.whole.add(key)
                self.stems.add(bare)
                break
            if not ending and key not in self.stems and key not in self.unfinished:
                self.unfinished.add(key)
                break
        self.repeated += bool(mark)
        return name


def folder_names(names: dict[int, str]) -> dict[int, str]:
    """Return the name of every cluster's folder; clusters of the same name share one.

    Parameters
    ----------
    names : dict of int to str
        Of every cluster. One without a name of its own gets a number with leading zeros, so that folders are in order.
    """
    digits = len(str(max(names, default=0)))
    taker = NameTaker(unfinished={_key(WRONG)})
    folders: dict[str, str] = {}
    for cluster, name in sorted(names.items()):
        if name not in folders:
            own = f"cluster {cluster:0{digits}}" if name == usual_name(cluster) else name
            stem = NOT_IN_NAMES.sub("_", own).encode()[:LONGEST_FOLDER].decode(errors="ignore").strip(". ") or "_"
            folders[name] = taker.take(stem, "", (f" ({number})" for number in range(2, len(names) + 3)))
    return {cluster: folders[name] for cluster, name in names.items()}


def _split(path: str, is_file: bool) -> tuple[str, str]:
    """Return stem and ending of the name of the file that an image becomes; its ending may be added later."""
    base = NOT_IN_FILES.sub("_", os.path.basename(path)) or "_"
    return os.path.splitext(base) if is_file or has_suffix(base) else (base, "")


def _marks(number: object) -> Iterable[str]:
    """Yield what is added to a name that is taken: the id of the image, and then a number, too."""
    own = NOT_IN_FILES.sub("_", str(number)).encode()[:LONGEST_FOLDER].decode(errors="ignore")
    yield f"-{own}"
    another = 2
    while True:
        yield f"-{own}-{another}"
        another += 1


def _shortened(stem: str, ending: str) -> str:
    """Return a name that is not too long, with room for a suffix where it has none."""
    ending = ending if len(ending.encode()) < LONGEST // 2 else ""
    room = LONGEST - (len(ending.encode()) or LONGEST_SUFFIX)
    return stem.encode()[:room].decode(errors="ignore") + ending


def _key(name: str) -> str:
    return unicodedata.normalize("NFC", name).casefold()
