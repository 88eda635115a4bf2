"""Models: loading, the one forward, adapters, generation, and the client for models behind an API."""

import logging
import os

# peft imports bitsandbytes where it is installed, which complains about an optional kernel before anything is asked of it.
logging.getLogger("bitsandbytes").setLevel(logging.ERROR)

# oneDNN, and PyTorch's bridge to it, keep what they compile for every shape of a product, 1,024 of them each, which grew a process
# that trains on rows of all lengths by 1 GiB in 20 steps. They ask the environment at the first product.
for _variable in ("ONEDNN_PRIMITIVE_CACHE_CAPACITY", "LRU_CACHE_CAPACITY"):
    os.environ.setdefault(_variable, "256")
