"""What changed: the outbox that every command writes in its own transaction, and the feed made from it."""
