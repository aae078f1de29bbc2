"""What things cost: price lists, the one pure function that picks a price, tax rates and tax arithmetic."""
