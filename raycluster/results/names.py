"""The file in which the report page saves what somebody has decided: names of clusters, and images in the wrong one."""

from __future__ import annotations

import json
import os
import re
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeGuard

import numpy as np

from raycluster.errors import UserError
from raycluster.runtime.files import unreadable
from raycluster.runtime.units import count

FORMAT = "raycluster names 1"
NUMBER = re.compile("0|[1-9][0-9]{0,8}")
SAVE_AGAIN = "save the names again on the page"


@dataclass(frozen=True)
class Names:
    """What was decided about the clusters of a run.

    Attributes
    ----------
    path : Path
        The file.
    run : str
        The name of the run's folder.
    clusters : int
        K, the number of clusters that were shown. The numbers of clusters are those of ``assignments.parquet`` if the
        run has as many, or else those of its merge tree, cut at K.
    names : dict of int to str
        By the number of the cluster. Clusters of the same name belong together.
    wrong : dict of str to str
        The paths of images that are in the wrong cluster, by their id in ``assignments.parquet``, as text.
    """

    path: Path
    run: str
    clusters: int
    names: dict[int, str]
    wrong: dict[str, str]

    def check(self, run: Path, clusters: Collection[int]) -> None:
        """Check that the names are those of this run, and of its clusters.

        Parameters
        ----------
        run : Path
            The folder of the run.
        clusters : collection of int
            The numbers of the clusters that it has at K.

        Raises
        ------
        UserError
        """
        if self.run != run.resolve().name:
            raise UserError(
                f'{self.path} holds names for the run "{self.run}", not for {run}: name that run, or, if its folder '
                'has been renamed, change "run" in the file.'
            )
        if unknown := sorted(set(self.names) - set(clusters)):
            raise UserError(
                f"{self.path} names cluster {unknown[0]}, but there is none of this number among the "
                f"{count(len(clusters), 'cluster')} of {run}: {SAVE_AGAIN}."
            )
        usual = {usual_name(cluster): cluster for cluster in clusters}
        for cluster, name in self.names.items():
            if usual.get(name, cluster) != cluster:
                raise UserError(f'{self.path} calls cluster {cluster} "{name}": that is another cluster, rename it.')

    def is_wrong(self, ids: np.ndarray, paths: Sequence[str]) -> np.ndarray:
        """Return which rows of a run are marked as wrong.

        Parameters
        ----------
        ids : ndarray of int64, uint64 or str objects, shape (n,)
        paths : sequence of str, length n

        Returns
        -------
        ndarray of bool, shape (n,)

        Raises
        ------
        UserError
            If an image that is marked is not among the rows, or has another path there.
        """
        places = {str(number): place for place, number in enumerate(ids.tolist())} if self.wrong else {}
        marked = np.zeros(len(ids), bool)
        for number, path in self.wrong.items():
            place = places.get(number)
            if place is None:
                raise UserError(f"{self.path} marks id {number} as wrong, which the run does not have: {SAVE_AGAIN}.")
            if paths[place] != path:
                raise UserError(
                    f'{self.path} marks id {number} as wrong, "{path}", but in the run it is "{paths[place]}": '
                    f"{SAVE_AGAIN}."
                )
            marked[place] = True
        return marked

    def name(self, cluster: int) -> str:
        """Return the name of a cluster, or what it is called without one."""
        return self.names.get(cluster, usual_name(cluster))


def usual_name(cluster: int) -> str:
    """Return what a cluster is called until it is given a name."""
    return f"cluster {cluster}"


def read_names(path: str | os.PathLike[str]) -> Names:
    """Read the names that were saved on the report page.

    Parameters
    ----------
    path : path-like
        A JSON file: ``{"format": "raycluster names 1", "run": "photos", "clusters": 20, "names": {"3": "cats"},
        "wrong": [{"id": 17, "path": "a/b.jpg"}]}``. An id may also be text.

    Raises
    ------
    UserError
        If the file cannot be read, or is not as it should be. Whether it belongs to a run is for :meth:`Names.check`
        and :meth:`Names.is_wrong` to say.
    """
    file = Path(path).expanduser()
    try:
        saved = json.loads(file.read_text(encoding="utf-8-sig"))
    except OSError as error:
        raise unreadable(file, error) from None
    except (ValueError, RecursionError):
        raise _malformed(file, "it is not JSON") from None
    if not isinstance(saved, dict) or "format" not in saved:
        raise UserError(f"{file} is not a file of names: give the one that was saved on the report page.")
    if saved["format"] != FORMAT:
        raise UserError(f'{file} has the format "{saved["format"]}", not "{FORMAT}": {SAVE_AGAIN}.')
    run, clusters = saved.get("run"), saved.get("clusters")
    if not _is_text(run):
        raise _malformed(file, '"run" is not the name of a folder')
    if not _is_integer(clusters) or clusters < 1:
        raise _malformed(file, '"clusters" is not a number of clusters')
    return Names(file, run, clusters, _names(file, saved.get("names")), _wrong(file, saved.get("wrong")))


def _names(file: Path, names: Any) -> dict[int, str]:
    if not isinstance(names, dict):
        raise _malformed(file, '"names" is not an object')
    for cluster, name in names.items():
        if not NUMBER.fullmatch(cluster):
            raise _malformed(file, f'{json.dumps(cluster)} in "names" is not the number of a cluster')
        if not _is_text(name) or not name.strip():
            raise _malformed(file, f"the name of cluster {cluster} is not text")
    return {int(cluster): name.strip() for cluster, name in names.items()}


def _wrong(file: Path, wrong: Any) -> dict[str, str]:
    if not isinstance(wrong, list):
        raise _malformed(file, '"wrong" is not a list')
    for image in wrong:
        is_image = isinstance(image, dict) and _is_text(image.get("path"))
        if not is_image or not (_is_integer(image.get("id")) or _is_text(image.get("id"))):
            raise _malformed(file, 'an entry of "wrong" does not consist of an id and a path')
    return {str(image["id"]): image["path"] for image in wrong}


def _is_text(value: object) -> TypeGuard[str]:
    """Return whether a value is text that can be written: JSON may also hold halves of characters."""
    return isinstance(value, str) and not any("\ud800" <= sign <= "\udfff" for sign in value)


def _is_integer(value: object) -> TypeGuard[int]:
    return isinstance(value, int) and not isinstance(value, bool)


def _malformed(file: Path, reason: str) -> UserError:
    return UserError(f"{file} is not a proper file of names ({reason}): {SAVE_AGAIN}.")
