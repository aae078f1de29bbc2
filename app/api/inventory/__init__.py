"""Stock in the API: levels, movements, availability, adjusting."""
