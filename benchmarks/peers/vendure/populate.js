// Fills an empty database from initial.json and products.csv, rebuilds the search index, and waits for every job.
const { JobQueueService, RequestContextService, SearchService, TransactionalConnection, bootstrap } =
  require('@vendure/core');
const { populate } = require('@vendure/core/cli');
const fs = require('node:fs');
const { config } = require('./config');

const WAITING = "select count(*)::int as jobs from job_record where state in ('PENDING', 'RUNNING', 'RETRYING')";

async function jobsDone(app) {
  const { rawConnection } = app.get(TransactionalConnection);
  for (let quiet = 0; quiet < 3; ) {
    await new Promise(resolve => setTimeout(resolve, 500));
    const [{ jobs }] = await rawConnection.query(WAITING);
    quiet = jobs ? 0 : quiet + 1;
  }
}

async function start() {
  const app = await bootstrap(config);
  await app.get(JobQueueService).start();
  return app;
}

async function main() {
  const app = await populate(start, JSON.parse(fs.readFileSync('initial.json', 'utf8')), 'products.csv');
  await jobsDone(app);
  const context = await app.get(RequestContextService).create({ apiType: 'admin' });
  await app.get(SearchService).reindex(context);
  await jobsDone(app);
  await app.close();
}

main().then(() => process.exit(0), error => { console.error(error); process.exit(1); });
