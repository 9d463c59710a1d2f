"""Parts of a task's calls that are tested for harm each by itself. Knows no store, and not how a request is sliced."""
