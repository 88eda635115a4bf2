"""What this machine has to give."""

from __future__ import annotations

import os
import platform
import subprocess
from pathlib import Path

import psutil


def free_memory_bytes() -> int:
    """Memory this process may still take: what the machine has, or what the container leaves (cgroup v2)."""
    free = psutil.virtual_memory().available
    try:
        limit, used = (int(Path(f"/sys/fs/cgroup/memory.{name}").read_text()) for name in ("max", "current"))
    except (OSError, ValueError):
        return free
    return min(free, max(0, limit - used))


def held_memory_bytes() -> int:
    """Memory this process holds in RAM."""
    return psutil.Process().memory_info().rss


def gpu_names() -> list[str]:
    """Name and memory of each NVIDIA GPU, as the driver tells them."""
    try:
        told = subprocess.run(
            ["nvidia-smi", "--query-gpu=name,memory.total", "--format=csv,noheader"],
            capture_output=True,
            text=True,
            timeout=10,
            check=True,
        )
    except (OSError, subprocess.SubprocessError):
        return []
    return told.stdout.strip().splitlines()


def cpu_name() -> str:
    """Name and number of the processors this process may use."""
    names = [line.split(":", 1)[1].strip() for line in _lines_of("/proc/cpuinfo") if line.startswith("model name")]
    name = names[0] if names else platform.processor() or platform.machine()
    return f"{name}, {num_cores()} cores"


def num_cores() -> int:
    """Cores this process may run on, which in a container are fewer than the machine has."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def _lines_of(path: str) -> list[str]:
    try:
        return Path(path).read_text(encoding="utf-8", errors="replace").splitlines()
    except OSError:
        return []
