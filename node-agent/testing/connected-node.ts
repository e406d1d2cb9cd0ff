/** For tests: a node's connection in this process, to a scripted hive. */
import type { ConnectionEnd, ConnectionOptions } from '../connection/open-socket.js';
import { openConnection } from '../connection/v2/connection.js';
import { createLogger, type Logger } from '../log.js';
import { openStore, type Store } from '../store/open.js';
import { ScriptedHive, type Peer, type ScriptedHiveOptions } from './scripted-hive.js';
import { temporaryStore, type TemporaryStore } from './temporary-store.js';

export interface ConnectedNode extends TemporaryStore {
  hive: ScriptedHive;
  /**
   * Connects (again). Unless `timing` says otherwise, nothing is sent twice because its answer was late.
   * @returns the hive's end of the connection
   */
  connect(timing?: ConnectionOptions['timing']): Promise<Peer>;
  disconnect(): Promise<ConnectionEnd | undefined>;
  stop(): Promise<void>;
}

/** Longer than any test: on a machine that stalls, a short one would send again what the test counts. */
const NEVER_MS = 1e9;

export interface ConnectedNodeOptions extends ScriptedHiveOptions {
  /** How long the node's statements wait for another's transaction. @default 5000 */
  busyTimeoutMs?: number;
  /** @default one that writes nothing */
  logger?: Logger;
}

export async function connectedNode({
  busyTimeoutMs = 5000,
  logger = createLogger('silent'),
  ...options
}: ConnectedNodeOptions = {}): Promise<ConnectedNode> {
  const hive = await ScriptedHive.start(options);
  const temporary = temporaryStore();
  // a connection of its own, as another process has: only changes of other connections are noticed
  const ownStore = openStore(temporary.dataDir, { busyTimeoutMs });
  let controller = new AbortController();
  let end: Promise<ConnectionEnd> | undefined;
  const disconnect = async () => {
    controller.abort();
    return end;
  };
  return {
    ...temporary,
    hive,
    connect: (timing = { resendMs: NEVER_MS }) => {
      controller = new AbortController();
      end = openConnection({ ...connectionOptions(hive, ownStore), logger, signal: controller.signal, timing });
      return hive.peer(hive.peers.length);
    },
    disconnect,
    stop: async () => {
      await disconnect();
      await hive.stop();
      ownStore.close();
      temporary.remove();
    },
  };
}

export function connectionOptions(hive: ScriptedHive, store: Store): Omit<ConnectionOptions, 'signal'> {
  return { url: hive.url, apiKey: 'key', name: 'test', store, logger: createLogger('silent') };
}
