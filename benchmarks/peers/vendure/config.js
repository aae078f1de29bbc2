// Vendure as its own template sets it up, on the stand's PostgreSQL; everything that differs comes by environment.
const { DefaultJobQueuePlugin, DefaultLogger, DefaultSchedulerPlugin, DefaultSearchPlugin, LogLevel, dummyPaymentHandler } =
  require('@vendure/core');
const path = require('node:path');
const database = new URL(process.env.PEER_DATABASE_URL);

exports.config = {
  apiOptions: {
    hostname: '127.0.0.1',
    port: Number(process.env.PEER_PORT),
    adminApiPath: 'admin-api',
    shopApiPath: 'shop-api',
  },
  authOptions: {
    tokenMethod: ['bearer', 'cookie'],
    superadminCredentials: { identifier: 'bench', password: process.env.PEER_PASSWORD },
    cookieOptions: { secret: process.env.PEER_PASSWORD },
  },
  logger: new DefaultLogger({ level: LogLevel.Warn }),
  dbConnectionOptions: {
    type: 'postgres',
    synchronize: process.env.PEER_SYNCHRONIZE === '1',
    logging: false,
    host: database.hostname,
    port: Number(database.port),
    username: database.username,
    password: decodeURIComponent(database.password),
    database: database.pathname.slice(1),
  },
  paymentOptions: { paymentMethodHandlers: [dummyPaymentHandler] },
  importExportOptions: { importAssetsDir: path.join(__dirname, 'assets') },
  plugins: [
    DefaultSchedulerPlugin.init(),
    DefaultJobQueuePlugin.init({ useDatabaseForBuffer: true, pollInterval: 200 }),
    DefaultSearchPlugin.init({ bufferUpdates: false, indexStockStatus: true }),
  ],
};
