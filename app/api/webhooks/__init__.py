"""Webhooks in the API, and how their documents are run."""
