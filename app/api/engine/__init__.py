"""How an operation is parsed once, measured, and executed. It knows GraphQL and Strawberry, and nothing of commerce."""
