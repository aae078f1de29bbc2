"""Webhooks: who outside is sent what changed, what is sent, to where, and what became of it."""
