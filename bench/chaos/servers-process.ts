/**
 * Owns the servers of one seed: a PostgreSQL and a Temporal, each in a data directory of its own, started, stopped and
 * killed on the parent's word. When the channel to the parent closes, however it ended, it stops them and removes the
 * directory (first argument), unless it was told to keep it.
 */
import { readdirSync, readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { startEmbedded, type Embedded } from '../../workers/embedded/index.js';
import { messageOf } from '../../workers/embedded/errors.js';
import { createLogger } from '../../workers/logger.js';
import type { ServerAnswer, ServerRequest, ServerName } from './servers.js';

const directory = process.argv[2] ?? '';
const logger = createLogger({ logLevel: 'warn', instanceId: 'chaos-servers' });
const running = new Map<ServerName, Embedded>();
let keepsDirectory = false;
let last: Promise<unknown> = Promise.resolve();

// Ctrl-C reaches the whole group; the parent ends by it and closes the channel
for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.on(signal, () => undefined);
process.on('message', (request: ServerRequest) => {
  last = last.then(() => answer(request));
});
process.once('disconnect', () => void last.then(end));

async function answer(request: ServerRequest): Promise<void> {
  const reply: ServerAnswer = { id: request.id };
  try {
    Object.assign(reply, await obey(request));
  } catch (error) {
    reply.error = messageOf(error);
  }
  if (process.connected) process.send?.(reply);
}

async function obey({ order, server }: ServerRequest): Promise<Omit<ServerAnswer, 'id'>> {
  if (order === 'keep') {
    keepsDirectory = true;
  } else if (order === 'start') {
    // what is killed here leaves its files to the operating system, which lives on: no need to wait for the disk
    const postgresSettings = { fsync: 'off', max_connections: '100' };
    const dataDir = join(directory, server);
    const which = { postgres: server === 'postgres', temporal: server === 'temporal' };
    const embedded = await startEmbedded({ dataDir, postgresSettings, ...which }, logger);
    running.set(server, embedded);
    const { databaseUrl, temporalAddress } = embedded;
    return { ...(databaseUrl && { databaseUrl }), ...(temporalAddress && { temporalAddress }) };
  } else if (order === 'stop') {
    await running.get(server)?.stop();
    running.delete(server);
  } else {
    process.kill(pidOf(server), 'SIGKILL'); // its supervisor starts it again
  }
  return {};
}

/** As the data directory's lock knows it. */
function pidOf(server: ServerName): number {
  const folder = join(directory, server, 'lock');
  for (const name of readdirSync(folder).filter((file) => file.endsWith('.json'))) {
    const { note } = JSON.parse(readFileSync(join(folder, name), 'utf8')) as { note: { pid: number }[] | null };
    const [child] = note ?? [];
    if (child) return child.pid;
  }
  throw new Error(`${server} does not run`);
}

async function end(): Promise<void> {
  await Promise.allSettled([...running.values()].map((embedded) => embedded.stop()));
  if (!keepsDirectory) rmSync(directory, { recursive: true, force: true });
  process.exit();
}
