"""Parts of the benchmark `discovery`: thirty apps with their truth, their calls, and how well they are told apart."""
