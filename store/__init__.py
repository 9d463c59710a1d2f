"""The nouns of Stillhouse and all of its state. Knows no HTTP, no model and no policy."""
