"""The change feed, as clients read it: pages, and live."""
