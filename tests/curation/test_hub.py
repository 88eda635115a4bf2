"""Hugging Face datasets, from a local folder: there is no network in tests."""

from __future__ import annotations

import json

import pytest

from tunesmith.curation import hub
from tunesmith.errors import DataError


def test_a_dataset_gives_its_rows_and_a_fingerprint(tmp_path, monkeypatch):
    monkeypatch.setattr(hub.datasets.config, "HF_DATASETS_CACHE", tmp_path / "cache")
    (tmp_path / "owner").mkdir()
    rows = [{"instruction": f"q{k}", "output": f"a{k}"} for k in range(3)]
    (tmp_path / "owner" / "train.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    fingerprint, loaded = hub.load_rows(str(tmp_path / "owner"), config=None, split="train")
    assert list(loaded) == rows and fingerprint


@pytest.mark.parametrize(
    "error", [ConnectionError("Couldn't reach 'a/b' on the Hub\nmore"), ValueError("Unknown split"), KeyError("x")]
)
def test_a_dataset_that_cannot_be_loaded_is_one_line(monkeypatch, error):
    def fail(*args, **kwargs):
        raise error

    monkeypatch.setattr(hub.datasets, "load_dataset", fail)
    with pytest.raises(
        DataError, match=r"a/b: no such local path, and the Hugging Face dataset \(split train\) cannot be loaded"
    ) as raised:
        hub.load_rows("a/b", config=None, split="train")
    assert "\n" not in str(raised.value) and type(error).__name__ in str(raised.value)


def test_without_a_network_a_hub_id_is_one_line(monkeypatch):
    monkeypatch.setattr(hub.datasets.config, "HF_HUB_OFFLINE", True)
    with pytest.raises(
        DataError, match="nosuch/dataset: no such local path, .* Check the name and the network"
    ) as raised:
        hub.load_rows("nosuch/dataset", config=None, split="train")
    assert "\n" not in str(raised.value)
