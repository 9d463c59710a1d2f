"""What a process needs to live beside others: ports, locks, children, a watch on its standard input."""
