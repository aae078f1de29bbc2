// Runs npm graphql-ws and graphql-sse against the URLs given; prints what each received as one JSON object.
import { createClient as createSseClient } from "graphql-sse";
import { createClient as createWsClient } from "graphql-ws";

const [url, wsUrl] = process.argv.slice(2);

function collect(client, query, variables) {
  return new Promise((resolve) => {
    const found = [];
    client.subscribe({ query, variables }, {
      next: (result) => found.push(result.data ?? result.errors),
      error: (error) => resolve({ found, error: Array.isArray(error) ? error : String(error) }),
      complete: () => resolve({ found }),
    });
  });
}

async function run(client) {
  return {
    query: await collect(client, "query ($n: String!) { hello(name: $n) }", { n: "Ana" }),
    mutation: await collect(client, 'mutation { order(input: { title: "x" }) }'),
    subscription: await collect(client, "subscription { count(to: 3) }"),
    together: await Promise.all([2, 1].map((to) => collect(client, `subscription { count(to: ${to}, pause: 0.02) }`))),
    invalid: await collect(client, "{ nothing }"),
  };
}

async function leaves(client) {
  const events = client.iterate({ query: "subscription { count(to: 100000, pause: 0.01) }" });
  for await (const _ of events) break;
  return true;
}

const headers = { authorization: "Bearer sse-peer" };
const sse = createSseClient({ url, headers, retryAttempts: 0 });
const ws = createWsClient({
  url: wsUrl,
  connectionParams: { authorization: "Bearer ws-peer" },
  retryAttempts: 0,
  webSocketImpl: WebSocket,
});
const answer = { sse: await run(sse), ws: await run(ws), left: [await leaves(sse), await leaves(ws)] };
sse.dispose();
await ws.dispose();
console.log(JSON.stringify(answer));
