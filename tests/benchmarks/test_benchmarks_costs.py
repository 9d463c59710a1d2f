"""The measurement of what each feature costs runs whole, small, and leaves everything as it was."""

from pathlib import Path

from benchmarks import costs


def test_each_feature_is_taken_out_measured_and_put_back():
    before = [getattr(owner, name) for swaps in costs.FEATURES.values() for owner, name, _ in swaps]
    found = costs.main(["--rounds", "1", "--calls", "3"])
    assert before == [getattr(owner, name) for swaps in costs.FEATURES.values() for owner, name, _ in swaps]
    kept = {"result": found, "ran_at": "", "seconds": 0, "python": "", "machine": ""}
    page = costs.report(kept, Path())
    for figures in found["us"].values():
        assert set(costs.FEATURES) < set(figures)
        assert figures["all of it"] > 0
    assert all(feature in page for feature in costs.FEATURES)
