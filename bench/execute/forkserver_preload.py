"""Imported last by the server that runs are forked from.

What it has imported by then is taken out of garbage collection: a collection in a run would write
to all of it, and the system copies each page that a fork writes to.
Source: https://docs.python.org/3/library/gc.html#gc.freeze
"""

import atexit
import gc

gc.collect()
gc.freeze()
atexit.register(gc.unfreeze)
