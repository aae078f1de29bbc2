// Asks the shop with npm @apollo/client and @urql/core, which send hashes of their documents. Prints what was answered,
// and each request that it took: its method, whether the text went along, and the status.
// `manifest`: prints the documents that the apps would register; `automatic URL`; `trusted URL TOKEN`.
import { createHash } from "node:crypto";
import { ApolloClient, ApolloLink, HttpLink, InMemoryCache, gql } from "@apollo/client";
import { PersistedQueryLink } from "@apollo/client/link/persisted-queries";
import { print } from "@apollo/client/utilities";
import { Client, fetchExchange, gql as urqlGql, stringifyDocument } from "@urql/core";
import { persistedExchange } from "@urql/exchange-persisted";

const [task, url, token] = process.argv.slice(2);
const sha256 = (text) => createHash("sha256").update(text).digest("hex");

const STORES = "query Stores { locations { id code name } }";
const CREATE = `mutation Create($input: CartCreateInput!) {
  cartCreate(input: $input) { cart { id } userErrors { code message } }
}`;
const OTHER = "query Other { channel { id code } }";

const cache = new InMemoryCache();
const apolloText = (text) => print(cache.transformDocument(gql(text)));
const urqlText = (text) => stringifyDocument(urqlGql(text));

let requests = [];
async function fetching(input, options = {}) {
  const response = await fetch(input, options);
  const sent = options.body ? JSON.parse(options.body) : Object.fromEntries(new URL(input).searchParams);
  requests.push(`${options.method ?? "GET"} ${sent.query ? "text" : "hash"} ${response.status}`);
  return response;
}

function apollo() {
  const link = new PersistedQueryLink({ sha256, useGETForHashedQueries: true });
  const headers = token ? { authorization: `Bearer ${token}` } : {};
  const http = new HttpLink({ uri: url, fetch: fetching, headers });
  const client = new ApolloClient({ cache, link: ApolloLink.from([link, http]) });
  return {
    query: (text, variables) =>
      client.query({ query: gql(text), variables, fetchPolicy: "network-only", errorPolicy: "all" }),
    mutate: (text, variables) => client.mutate({ mutation: gql(text), variables, errorPolicy: "all" }),
  };
}

function urql() {
  const settings = {
    url,
    fetch: fetching,
    fetchOptions: token ? { headers: { authorization: `Bearer ${token}` } } : {},
    preferGetMethod: false,
  };
  const persisted = persistedExchange({
    preferGetForPersistedQueries: true,
    enableForMutation: true,
    enforcePersistedQueries: !!token,
    generateHash: async (text) => sha256(text),
  });
  const client = new Client({ ...settings, exchanges: [persisted, fetchExchange] });
  const plain = new Client({ ...settings, exchanges: [fetchExchange] });
  return {
    query: (text, variables) => client.query(text, variables ?? {}).toPromise(),
    mutate: (text, variables) => client.mutation(text, variables ?? {}).toPromise(),
    // What its build for development does not take: a document that is nothing but its id.
    byId: (text) => {
      process.env.NODE_ENV = "production";
      return plain.query({ kind: "Document", definitions: [], documentId: `sha256:${sha256(text)}` }, {}).toPromise();
    },
  };
}

async function told(asked) {
  requests = [];
  const { data, error } = await asked.catch((error) => ({ error }));
  return { data: JSON.parse(JSON.stringify(data ?? null)), error: error ? String(error.message) : null, requests };
}

function listed(text, type) {
  return { id: sha256(text), name: /\w+ (\w+)/.exec(text)[1], type, body: text };
}

const input = { input: {} };
if (task === "manifest") {
  const apolloManifest = {
    format: "apollo-persisted-query-manifest",
    version: 1,
    operations: [listed(apolloText(STORES), "query"), listed(apolloText(CREATE), "mutation")],
  };
  const urqlManifest = Object.fromEntries([STORES, CREATE].map(urqlText).map((text) => [sha256(text), text]));
  console.log(JSON.stringify({ apollo: apolloManifest, urql: urqlManifest }));
} else {
  const found = {};
  for (const [name, client] of Object.entries({ apollo: apollo(), urql: urql() })) {
    found[name] = {
      first: await told(client.query(STORES)),
      again: await told(client.query(STORES)),
      write: await told(client.mutate(CREATE, input)),
      other: await told(client.query(OTHER)),
    };
    if (client.byId) found[name].byId = await told(client.byId(urqlText(STORES)));
  }
  console.log(JSON.stringify(found));
}
