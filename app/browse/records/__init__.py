"""Records: the canonical JSON of what the feed tells of, for changes, snapshots, digests and webhooks."""
