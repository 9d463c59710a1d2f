"""What a person asks about the house, answered from the stores as plain JSON values. Knows no HTTP and no terminal.

The admin API answers from the live stores, the command line from read-only ones when control is not running.
"""
