/** The one `connect` of a store: it holds the store's lock, and keeps its record for `status`. */
import { codeOf, messageOf, NodeAgentError } from '../errors.js';
import type { Logger } from '../log.js';
import { ConnectLock } from '../store/connect-lock.js';
import { readConnectionRecord, writeConnectionRecord, type ConnectionRecord } from '../store/connection-record.js';
import { VERSION } from '../version.js';
import type { ConnectionEnd } from './open-socket.js';

export class Presence {
  readonly #dataDir: string;
  readonly #logger: Logger;
  readonly #lock: ConnectLock | undefined;
  #record: ConnectionRecord;
  #hasWarned = false;

  private constructor(dataDir: string, logger: Logger, lock: ConnectLock | undefined, hiveUrl: string) {
    this.#dataDir = dataDir;
    this.#logger = logger;
    this.#lock = lock;
    const former = readConnectionRecord(dataDir);
    this.#record = {
      pid: process.pid,
      version: VERSION,
      hive_url: hiveUrl,
      started_at: new Date().toISOString(),
      stopped_at: null,
      connected_since: null,
      last_connected_at: former?.last_connected_at ?? null,
      last_error: null,
      last_prune: former?.last_prune ?? null,
    };
    this.#write({});
  }

  /**
   * A lock that the disk refuses keeps nobody from connecting.
   * @throws NodeAgentError `running` if another process stays connected for this store
   */
  static take(dataDir: string, hiveUrl: string, logger: Logger): Presence {
    let lock: ConnectLock | undefined;
    try {
      lock = ConnectLock.take(dataDir);
      if (!lock) throw new NodeAgentError('running', alreadyRuns(dataDir));
    } catch (error) {
      if (error instanceof NodeAgentError) throw error;
      logger.warn({ code: codeOf(error) }, `cannot lock the store against a second \`connect\`: ${messageOf(error)}`);
    }
    return new Presence(dataDir, logger, lock, hiveUrl);
  }

  accepted(): void {
    const at = new Date().toISOString();
    this.#write({ connected_since: at, last_connected_at: at });
  }

  /** The last error stays until the next one, so that it can be read after a reconnect. */
  ended(end: ConnectionEnd): void {
    const was = { unreachable: 'not reachable', refused: 'refused by the hive', ended: 'the connection ended' };
    const at = new Date().toISOString();
    this.#write({ connected_since: null, last_error: { at, reason: `${was[end.kind]}: ${end.reason}` } });
  }

  pruned(outcome: string): void {
    this.#write({ last_prune: { at: new Date().toISOString(), outcome } });
  }

  release(): void {
    this.#write({ connected_since: null, stopped_at: new Date().toISOString() });
    this.#lock?.release();
  }

  #write(change: Partial<ConnectionRecord>): void {
    this.#record = { ...this.#record, ...change };
    try {
      writeConnectionRecord(this.#dataDir, this.#record);
    } catch (error) {
      if (!this.#hasWarned) {
        this.#logger.warn({ code: codeOf(error) }, `\`status\` cannot be told: ${messageOf(error)}`);
      }
      this.#hasWarned = true;
    }
  }
}

function alreadyRuns(dataDir: string): string {
  const record = readConnectionRecord(dataDir);
  const who = record ? ` (pid ${record.pid}, since ${record.started_at})` : '';
  return `\`connect\` runs already for the store in ${dataDir}${who}; one is enough, and this one ends`;
}
