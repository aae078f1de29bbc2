"""People who buy: profiles, addresses and the groups that prices may name."""
