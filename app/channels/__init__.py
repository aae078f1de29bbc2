"""Where shoppers meet the shop (channels) and where stock is (locations)."""
