// Runs the audits of npm graphql-http against the URL given; prints one JSON object with a count and what did not pass.
import { auditServer } from "graphql-http";

const results = await auditServer({ url: process.argv[2] });
const failed = results.filter((result) => result.status !== "ok");
console.log(
  JSON.stringify({
    total: results.length,
    failed: failed.map(({ id, name, status, reason }) => ({ id, name, status, reason })),
  }),
);
