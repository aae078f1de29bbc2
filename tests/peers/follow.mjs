// Follows the feed with npm graphql-ws or graphql-sse, cuts its own connection again and again, and goes on from where
// it was. Prints each change's position in the order in which they came, and how often it was cut.
import { createClient as createSseClient } from "graphql-sse";
import { createClient as createWsClient } from "graphql-ws";

const [kind, url, token, cuts, topic] = process.argv.slice(2);
const query = `subscription Follow($after: Position, $topics: [Topic!]) {
  changes(after: $after, topics: $topics) { changes { position } endPosition head snapshotRequired } }`;
const authorization = `Bearer ${token}`;

function connect() {
  if (kind === "sse") return createSseClient({ url, headers: { authorization }, retryAttempts: 0 });
  return createWsClient({
    url: url.replace("http", "ws"),
    connectionParams: { Authorization: authorization },
    retryAttempts: 0,
    webSocketImpl: WebSocket,
  });
}

const found = [];
let after = "0", cut = 0, done = false;

function follow() {
  return new Promise((resolve, reject) => {
    const client = connect();
    let left = 1 + Math.floor(Math.random() * 3), over = false;
    const end = () => {
      if (over) return;
      over = true;
      kind === "sse" ? client.dispose() : client.terminate();
      resolve();
    };
    client.subscribe({ query, variables: { after, topics: [topic] } }, {
      next: ({ data, errors }) => {
        if (over) return;
        if (errors) return reject(new Error(JSON.stringify(errors)));
        const page = data.changes;
        if (page.snapshotRequired) return reject(new Error("a snapshot is required"));
        found.push(...page.changes.map((change) => change.position));
        after = page.endPosition;
        left -= 1;
        if (left <= 0 && cut < Number(cuts)) {
          cut += 1;
          end();
        } else if (cut >= Number(cuts)) {
          done = true;
          end();
        }
      },
      error: (error) => (over ? undefined : reject(error)),
      complete: end,
    });
  });
}

while (!done) await follow();
console.log(JSON.stringify({ found, cut, after }));
