"""Who calls: staff, devices, API clients, their tokens, and what each role may do."""
