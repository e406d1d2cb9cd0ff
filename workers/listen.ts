/** The address that the API and the nodes' sockets share. */
import { createServer, type AddressInfo, type Server } from 'node:net';
import type { HiveConfig } from './config.js';
import { readRunning } from './data-files.js';
import { messageOf, systemCode } from './embedded/errors.js';

type Address = Pick<HiveConfig, 'host' | 'port' | 'dataDir'>;

/** The hive can't listen at its address; the message names the variable to change. */
export class ListenError extends Error {
  override readonly name = 'ListenError';
  readonly code = 'listen_failed';
}

const NO_ADDRESS = new Set(['EADDRNOTAVAIL', 'ENOTFOUND', 'EAI_AGAIN']);

/**
 * Checks that the hive will be able to listen, before anything is started for it.
 * @throws ListenError
 */
export async function requireFreeAddress(address: Address): Promise<void> {
  const probe = createServer();
  await listen(probe, address);
  await new Promise((resolve) => probe.close(resolve));
}

/**
 * @returns the server's URL
 * @throws ListenError
 */
export async function listen(server: Server, address: Address): Promise<string> {
  const { host, port } = address;
  try {
    await new Promise<void>((resolve, reject) => {
      server.once('error', reject);
      server.listen(port, host, () => {
        server.off('error', reject);
        resolve();
      });
    });
  } catch (error) {
    throw new ListenError(await sentence(error, address), { cause: error });
  }
  const { port: actual } = server.address() as AddressInfo;
  return `http://${host.includes(':') ? `[${host}]` : host}:${actual}`;
}

async function sentence(error: unknown, { host, port, dataDir }: Address): Promise<string> {
  const code = systemCode(error) ?? '';
  if (code === 'EADDRINUSE') {
    const running = await readRunning(dataDir);
    const by = running?.url.endsWith(`:${port}`) ? ` by the hive that runs on ${dataDir} (pid ${running.pid})` : '';
    return `port ${port} of ${host} is taken${by}: set HIVE_PORT to another port (0 means any free one), or stop what uses it`;
  }
  if (code === 'EACCES') return `this user may not use port ${port} of ${host}: set HIVE_PORT to a port above 1023`;
  if (NO_ADDRESS.has(code)) {
    return `${host} is no address of this machine: set HIVE_HOST to one, for example 127.0.0.1 or 0.0.0.0`;
  }
  return `the hive can't listen on port ${port} (HIVE_PORT) of ${host} (HIVE_HOST): ${messageOf(error)}`;
}
