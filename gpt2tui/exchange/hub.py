"""Models of the Hugging Face Hub: ``hf:OWNER/NAME``, or ``hf:OWNER/NAME@REVISION``."""

from __future__ import annotations

from pathlib import Path

from gpt2tui.errors import Gpt2TuiError, UsageError
from gpt2tui.exchange.folder_config import PICKLED
from gpt2tui.text import one_line

PREFIX = "hf:"
_WANTED = [
    *("config.json", "model*.safetensors", "model.safetensors.index.json"),
    *("tokenizer.json", "vocab.json", "added_tokens.json"),
]


def located(place: str, *, may_fetch: bool = True) -> tuple[Path, str]:
    """Where a model lies, given a path or a reference to the hub, and what to call that place later.

    Raises:
        UsageError, Gpt2TuiError: as of :func:`fetch_model`.
    """
    if place.startswith(PREFIX):
        return fetch_model(place, may_fetch=may_fetch)
    path = Path(place).expanduser()
    return path, str(path.absolute())


def http_error() -> type[BaseException]:
    """What the HTTP library that this version of the hub's happens to use raises, as where a download breaks."""
    from huggingface_hub.errors import HfHubHTTPError

    base: type[BaseException] = HfHubHTTPError.__bases__[0]
    return base


def fetch_model(reference: str, *, may_fetch: bool) -> tuple[Path, str]:
    """The folder of a model, from the hub or only its local cache, and its reference with the commit that it was.

    The token, where one is needed, is the environment's or the hub's own login.

    Raises:
        UsageError: the reference is none, or huggingface_hub is not installed.
        Gpt2TuiError: there is no such model, or it can be reached neither there nor in the cache.
    """
    name, _, revision = reference.removeprefix(PREFIX).partition("@")
    if not all(name.partition("/")[::2]) or name.count("/") > 1:
        raise UsageError(
            f"{reference} names no model of the hub: it should be hf:OWNER/NAME, or hf:OWNER/NAME@REVISION"
        )
    try:
        from huggingface_hub import snapshot_download
        from huggingface_hub.errors import HfHubHTTPError, HFValidationError, LocalEntryNotFoundError
    except ImportError:
        raise UsageError("models of the hub need huggingface_hub: pip install 'gpt2tui[hub]'") from None
    try:
        for wanted in (_WANTED, [*_WANTED, PICKLED]):  # a pickle only where there is nothing else
            found = snapshot_download(
                name, revision=revision or None, allow_patterns=wanted, local_files_only=not may_fetch
            )
            if any(Path(found).glob("*.safetensors*")):
                break
    except LocalEntryNotFoundError:
        raise Gpt2TuiError(
            f"{reference} is not in the local cache, and the hub cannot be reached; fetch it where there is a network"
        ) from None
    except (HfHubHTTPError, HFValidationError) as error:
        raise Gpt2TuiError(f"{reference} cannot be fetched: {one_line(str(error).splitlines()[0])}") from None
    except (OSError, http_error()) as error:
        cause = one_line(str(error))[:200] or type(error).__name__
        raise Gpt2TuiError(f"{reference} cannot be fetched: {cause}; try again") from None
    return Path(found), f"{PREFIX}{name}@{Path(found).name}"
