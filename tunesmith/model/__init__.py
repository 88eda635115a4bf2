"""Models: loading, the one forward, adapters, generation, and the client for models behind an API."""

import logging

# peft imports bitsandbytes where it is installed, which complains about an optional kernel before anything is asked of it.
logging.getLogger("bitsandbytes").setLevel(logging.ERROR)
