"""How good an answer is. Knows no route and no rollout; `dspy` is imported in the scorer process only."""
