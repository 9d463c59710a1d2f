"""Parts of the benchmark `cutover`: what is expected, the runs, the tests by themselves, the page."""
