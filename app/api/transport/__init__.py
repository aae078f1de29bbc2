"""`/graphql` on the wire: GraphQL over HTTP, server-sent events, multipart and WebSocket, as one ASGI route."""
