"""How goods reach the shopper (SHIP, PICKUP, CARRY_OUT): options, what they cost, and what they promise."""
