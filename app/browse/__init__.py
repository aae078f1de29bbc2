"""What shoppers read: listing, search, facets, channel views."""
