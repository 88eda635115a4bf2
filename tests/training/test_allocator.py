"""Freed memory: kept on glibc, left to the system elsewhere."""

from __future__ import annotations

import ctypes
import platform

import pytest

from tunesmith.training import allocator


class Library:
    def __init__(self):
        self.calls = []

    def mallopt(self, *arguments: int) -> int:
        self.calls.append(arguments)
        return 1

    def malloc_trim(self, _keep: int) -> int:
        self.calls.append("trim")
        return 1


@pytest.mark.parametrize(("libc", "num_calls"), [("glibc", 3), ("", 0)])
def test_glibc_gives_back_what_is_free_and_keeps_blocks_from_then_on_and_others_are_left_alone(
    libc, num_calls, monkeypatch
):
    library = Library()
    monkeypatch.setattr(platform, "libc_ver", lambda: (libc, "2.36"))
    monkeypatch.setattr(ctypes, "CDLL", lambda _: library)
    allocator.keep_freed_memory()
    assert len(library.calls) == num_calls and library.calls[:1] == ["trim"][:num_calls]


@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="only glibc has mallopt with these meanings")
def test_glibc_accepts_what_it_is_told():
    mallopt = ctypes.CDLL(None).mallopt
    assert mallopt(allocator.M_MMAP_THRESHOLD, allocator.LARGEST_MMAP_THRESHOLD) == 1
