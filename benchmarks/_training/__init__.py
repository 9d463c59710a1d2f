"""Two trainers on the same rows: the project's own and TRL's, each a program of its own."""
