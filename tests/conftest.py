"""What every test shares: the property tests draw the same examples everywhere, however busy the machine.

`make explore` draws new ones; a case that it finds becomes an `@example`.
"""

from hypothesis import HealthCheck, settings

_patient = settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.register_profile("same", _patient, derandomize=True)
settings.register_profile("explore", _patient, max_examples=2000, print_blob=True)
settings.load_profile("same")
