"""Fixtures for the whole suite: where the real data lies, and tiny models on disk; no network, one thread."""

from __future__ import annotations

import os

os.environ.update(HF_HUB_OFFLINE="1", TOKENIZERS_PARALLELISM="false", OMP_NUM_THREADS="1")

import gc  # noqa: E402
import signal  # noqa: E402
from pathlib import Path  # noqa: E402

import pytest  # noqa: E402


def pytest_collection_finish() -> None:
    """Take what is imported by now out of the garbage collector's sight: every training collects, and it is half a million objects."""
    gc.collect()
    gc.freeze()


@pytest.fixture(scope="session", autouse=True)
def children_can_be_interrupted() -> None:
    """A shell's background jobs ignore SIGINT, and so would every process a test starts."""
    signal.signal(signal.SIGINT, signal.default_int_handler)


@pytest.fixture(scope="session")
def shared() -> Path:
    """Real data and models beside the checkout; tests that need them are skipped where there are none."""
    folder = Path(__file__).parents[2] / "shared"
    if not folder.is_dir():
        pytest.skip(f"needs real data and models in {folder}, which is not there")
    return folder


@pytest.fixture(scope="session")
def model_folders(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """One tiny random model of each shape, as saved folders."""
    from tests.models import SHAPES, save_tiny

    root = tmp_path_factory.mktemp("models")
    return {shape: save_tiny(shape, root / shape) for shape in SHAPES}


@pytest.fixture(params=["llama", "gpt2", "t5"])
def model_folder(request: pytest.FixtureRequest, model_folders: dict[str, Path]) -> Path:
    """Each shape in turn."""
    return model_folders[request.param]
