"""DSPy programs whose rows are the logged calls, word for word. Imported in the training child only."""
