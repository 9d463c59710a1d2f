"""Calls that other programs recorded, brought into the ledger (`docs/importing.md`).

`rows` reads files, one module a format says what a record means, `records` makes our nouns of it, `bring` writes them
into the journal like any other writer. Who loads them, and when, is the ingester's.
"""
