"""What is kept of the products that were compiled for the shapes of batches."""

from __future__ import annotations

import os
import subprocess
import sys

PROGRAM = """
import psutil, torch
import tunesmith.model
from torch.nn.functional import linear

torch.set_num_threads(1)
weight = torch.randn(512, 512, dtype=torch.bfloat16)
before = psutil.Process().memory_info().rss
for rows in range(100, 1100):
    linear(torch.zeros(rows, 512, dtype=torch.bfloat16), weight)
print((psutil.Process().memory_info().rss - before) // 2**20)
"""
MOST_MIB = 400
"""About 250 are kept; without a bound it is 670."""


def test_batches_of_a_thousand_lengths_do_not_each_leave_a_compiled_product_behind():
    unbounded = {"ONEDNN_PRIMITIVE_CACHE_CAPACITY", "LRU_CACHE_CAPACITY"}
    environment = {name: text for name, text in os.environ.items() if name not in unbounded}
    done = subprocess.run([sys.executable, "-c", PROGRAM], env=environment, capture_output=True, text=True, check=True)
    assert int(done.stdout) < MOST_MIB
