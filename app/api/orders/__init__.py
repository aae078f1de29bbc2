"""Orders, payments and fulfillments in the API."""
