"""The demonstration: one command that plays an app, a teacher and a fault, and watches the loop close.

`run` is all that the CLI needs. Everything it shows it reads from the running product, through the
same doors as any user: the OpenAI SDK, the admin API, the ledger.
"""

from stillhouse.demo.director import run
from stillhouse.demo.options import DemoOptions

__all__ = ["DemoOptions", "run"]
