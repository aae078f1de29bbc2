// Starts GraphiQL on the address it was opened at, with one tab for each example. Nothing here talks to another host.
(function () {
  "use strict";

  const JSON_TYPES = "application/graphql-response+json, application/json;q=0.9";

  // Results of an event stream in the graphql-sse protocol: "next" events with data, then "complete".
  async function* events(response) {
    const reader = response.body.pipeThrough(new TextDecoderStream()).getReader();
    let text = "";
    try {
      for (;;) {
        const { value, done } = await reader.read();
        if (done) return;
        text += value;
        let end;
        while ((end = text.indexOf("\n\n")) >= 0) {
          const lines = text.slice(0, end).split("\n");
          text = text.slice(end + 2);
          if (lines.includes("event: complete")) return;
          const data = lines.find((line) => line.startsWith("data: "));
          if (data) yield JSON.parse(data.slice("data: ".length));
        }
      }
    } finally {
      await reader.cancel();
    }
  }

  function isSubscription(parameters, options) {
    const definitions = (options && options.documentAST && options.documentAST.definitions) || [];
    return definitions.some(
      (definition) =>
        definition.kind === "OperationDefinition" &&
        definition.operation === "subscription" &&
        (!parameters.operationName || (definition.name && definition.name.value === parameters.operationName)),
    );
  }

  async function fetcher(parameters, options) {
    const streams = isSubscription(parameters, options);
    const response = await fetch(window.location.pathname, {
      method: "POST",
      body: JSON.stringify(parameters),
      headers: {
        "content-type": "application/json",
        accept: streams ? "text/event-stream, " + JSON_TYPES : JSON_TYPES,
        ...((options && options.headers) || {}),
      },
    });
    const type = response.headers.get("content-type") || "";
    return type.startsWith("text/event-stream") ? events(response) : response.json();
  }

  function tab(example) {
    const text = (value) => (Object.keys(value).length ? JSON.stringify(value, null, 2) : "");
    return { query: example.query, variables: text(example.variables), headers: text(example.headers) };
  }

  const examples = JSON.parse(document.getElementById("examples").textContent);
  const explorer = window.GraphiQLPluginExplorer.explorerPlugin({ showAttribution: false });
  const settings = { fetcher, plugins: [explorer], defaultEditorToolsVisibility: "variables", shouldPersistHeaders: true };
  if (examples.length) {
    settings.defaultTabs = examples.map(tab);
    // GraphiQL leaves the first tab's variables and headers blank unless it is told them by themselves too.
    Object.assign(settings, settings.defaultTabs[0]);
  }
  window.ReactDOM.createRoot(document.getElementById("graphiql")).render(
    window.React.createElement(window.GraphiQL, settings),
  );
})();
