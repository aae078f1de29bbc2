"""The GraphQL API and HTTP: thin, over every domain."""
