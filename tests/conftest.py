"""What every test shares: the property tests draw the same examples everywhere.

`make explore` draws new ones; a case that it finds becomes an `@example`.
"""

from hypothesis import settings

settings.register_profile("same", derandomize=True)
settings.register_profile("explore", max_examples=2000, deadline=None, print_blob=True)
settings.load_profile("same")
