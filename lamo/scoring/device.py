"""Is the device there that the settings name? Imports torch only to look for one."""

from collections.abc import Callable
from importlib.util import find_spec


class DeviceMissing(Exception):  # noqa: N818 - a situation, named as such
    """The model cannot run where the settings say; the message says what is there."""


def _has_torch() -> bool:
    return find_spec("torch") is not None


def check_device(name: str, has_torch: Callable[[], bool] = _has_torch) -> None:
    """Return when a model can run there.

    Args:
        name: in torch's words, for example "cpu" or "cuda:0".
        has_torch: whether it is installed; the web part of an installation may lack it.

    Raises:
        DeviceMissing: this machine or this build of torch has no such device.
    """
    if not has_torch():
        raise DeviceMissing(
            "a model was to run in this process, and torch is not installed: set LAMO_SCORER_URL "
            "to a scoring server, or `pip install 'lamo-cds[model]'`"
        )
    if name == "cpu":
        return
    import torch  # not where a server scores

    # not is_available(): it starts CUDA, which then does not work in a process that is forked
    count = torch.cuda.device_count()
    number = int(name.partition(":")[2] or 0)
    if number >= count:
        raise DeviceMissing(
            f"LAMO_MODEL_DEVICE is {name}, and torch {torch.__version__} finds {count} CUDA "
            "devices here: install a build of torch for them, or set cpu"
        )
