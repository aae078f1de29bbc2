"""How many there are and who has a claim: levels, the movement ledger, cart holds and order allocations."""
