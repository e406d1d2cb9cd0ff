// Owns a data directory (first argument) until it is killed. Prints what it started as one line of JSON.
import { startEmbedded } from '../../dist/workers/embedded/index.js';
import { createLogger } from '../../dist/workers/logger.js';

const logger = createLogger({ logLevel: 'silent', instanceId: 'owner' });
const { stop, ...started } = await startEmbedded({ dataDir: process.argv[2], postgres: true, temporal: true }, logger);
process.once('SIGTERM', () => void stop().then(() => process.exit()));
console.log(JSON.stringify(started));
