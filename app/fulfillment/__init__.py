"""How goods leave: fulfillments of carried out, shipped and picked up lines."""
