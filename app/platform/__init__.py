"""What every domain stands on: database, ids, money, refusals, operations, settings, the embedded server."""
