"""Imported last by the server that runs are forked from: freezes its objects.

A garbage collection in a run would write to everything that was imported before the fork, and the
system copies each page that a fork writes to.
Source: https://docs.python.org/3/library/gc.html#gc.freeze
"""

import atexit
import gc

gc.collect()
gc.freeze()
atexit.register(gc.unfreeze)
