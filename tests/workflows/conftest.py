"""What several workflows start from."""

from __future__ import annotations

from pathlib import Path

import pytest


@pytest.fixture
def keys_here(tmp_path, monkeypatch) -> Path:
    """The working folder, with a ``key`` and a ``vault-key`` in it and none in the environment."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("TUNESMITH_PRIVACY_KEY_FILE", raising=False)
    monkeypatch.delenv("TUNESMITH_VAULT_KEY_FILE", raising=False)
    (tmp_path / "key").write_text("an example of a project key, long enough")
    (tmp_path / "vault-key").write_text("another example of a key, long enough")
    return tmp_path
