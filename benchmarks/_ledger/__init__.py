"""Parts of the benchmarks `ledger` and `growth`: traffic like an app's, a data folder, what is measured on it."""
