"""`python erase_child.py DATA ERASURE N`: carries an erasure out and kills itself with -9 before its N-th write.

Nothing of what it did since the write before is on record then: the worst moment there is.
"""

import os
import signal
import sys

from erasurekit import carry_out

from store.control import Control
from store.paths import DataFolder

left = int(sys.argv[3])
save = Control.save_erasure


def saving(self, erasure, epoch):
    global left  # noqa: PLW0603 - a child of a test
    left -= 1
    if left == 0:
        os.kill(os.getpid(), signal.SIGKILL)
    save(self, erasure, epoch)


Control.save_erasure = saving
carry_out(DataFolder(sys.argv[1]), sys.argv[2])
