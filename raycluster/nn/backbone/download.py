"""Published weights: on this machine if they were fetched before, or else from the network, or a sentence at once."""

from __future__ import annotations

import os
import urllib.error
import urllib.request
from pathlib import Path
from typing import Any
from urllib.parse import urlparse

import torch

from raycluster.errors import UserError
from raycluster.nn.backbone.libraries import Library

FILE = "model.safetensors"
PATIENCE_S = 5.0


def published_weights(library: Library, name: str) -> Path:
    """Return the file of a network's published weights.

    timm's are on Hugging Face, torchvision's with PyTorch. They are kept in the folders that these libraries use, so
    that nothing is fetched twice.

    Raises
    ------
    UserError
        If they are neither on this machine nor can be fetched; the sentence says what to download.
    """
    return _from_hugging_face(name) if library == "timm" else _from_pytorch(name)


def _from_hugging_face(name: str) -> Path:
    import timm
    from huggingface_hub import constants, hf_hub_download, hf_hub_url
    from huggingface_hub.errors import EntryNotFoundError, GatedRepoError, LocalEntryNotFoundError
    from huggingface_hub.utils import disable_progress_bars

    config: Any = timm.get_pretrained_cfg(name)
    repository = config.hf_hub_id if config else None
    if not repository:
        raise UserError(f"timm does not say where weights of {name} are: name a file of them with --weights.")
    try:
        return Path(hf_hub_download(repository, FILE, local_files_only=True))
    except LocalEntryNotFoundError:
        pass
    url = hf_hub_url(repository, FILE)
    _check_reachable(name, url, "HF_HUB_OFFLINE is set" if constants.HF_HUB_OFFLINE else None)
    disable_progress_bars()
    try:
        return Path(hf_hub_download(repository, FILE))
    except GatedRepoError:
        raise UserError(
            f"The weights of {name} are given only to those who accept their license: do so at "
            f"https://huggingface.co/{repository}, then log in with hf auth login; or choose another --backbone."
        ) from None
    except LocalEntryNotFoundError as error:
        raise _out_of_reach(name, url, str(error).splitlines()[0]) from None
    except EntryNotFoundError:
        raise UserError(f"{repository} on Hugging Face has no {FILE}: name a file with --weights.") from None
    except OSError as error:
        raise _out_of_reach(name, url, str(error).splitlines()[0]) from None


def _from_pytorch(name: str) -> Path:
    import torchvision  # takes seconds, and most runs do without

    url = torchvision.models.get_model_weights(name).DEFAULT.url
    path = Path(torch.hub.get_dir()) / "checkpoints" / os.path.basename(urlparse(url).path)
    if path.exists():
        return path
    _check_reachable(name, url)
    path.parent.mkdir(parents=True, exist_ok=True)
    digest = path.stem.rpartition("-")[2]
    try:
        torch.hub.download_url_to_file(url, str(path), digest, progress=False)
    except (OSError, RuntimeError) as error:
        raise _out_of_reach(name, url, str(error)) from None
    return path


def _check_reachable(name: str, url: str, why_not: str | None = None) -> None:
    """Raise :class:`UserError` at once if nobody answers; the clients of both sites would try for half a minute."""
    try:
        if why_not:
            raise OSError(why_not)
        urllib.request.urlopen(urllib.request.Request(url, method="HEAD"), timeout=PATIENCE_S).close()
    except urllib.error.HTTPError:
        return  # somebody answers
    except OSError as error:
        raise _out_of_reach(name, url, str(getattr(error, "reason", error))) from None


def _out_of_reach(name: str, url: str, reason: str) -> UserError:
    return UserError(
        f"The weights of {name} are not on this machine, and {urlparse(url).netloc} cannot be reached ({reason}). "
        f"Download {url} where it can be, copy the file here, and name it with --weights FILE."
    )
