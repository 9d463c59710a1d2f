"""What the benchmark `gateway` is made of."""
