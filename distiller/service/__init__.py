"""Fine-tuning at somebody else's service: OpenAI's API and what speaks it, Together, Fireworks. Knows no torch."""
