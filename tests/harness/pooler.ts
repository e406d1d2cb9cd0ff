/** A PgBouncer in front of a PostgreSQL, owned by a process that ends with this one. */
import { HelperProcess } from './helper-process.js';
import type { PgBouncer } from './pgbouncer.js';

/** What a client keeps of its connection to the server: all of it until it disconnects, or only for a transaction. */
export type PoolMode = 'session' | 'transaction';

export interface PoolerOptions {
  program: PgBouncer;
  /** URL of any database of the server. Everyone who connects to the pooler is its user. */
  serverUrl: string;
  mode: PoolMode;
  /** Connections to the server for each database. */
  poolSize: number;
}

export class Pooler {
  readonly #process: HelperProcess;
  #folder = '';

  private constructor(options: PoolerOptions) {
    this.#process = new HelperProcess('tests/harness/pooler-process', [JSON.stringify(options)]);
  }

  /** Resolves when it accepts connections. */
  static async start(options: PoolerOptions): Promise<Pooler> {
    const pooler = new Pooler(options);
    pooler.#folder = await pooler.#process.ask<string>('start');
    return pooler;
  }

  /** @returns the URL of one of the server's databases through the pooler's Unix socket, from its direct one */
  url(databaseUrl: string): string {
    return `postgresql://anyone@${new URL(databaseUrl).pathname}?host=${encodeURIComponent(this.#folder)}`;
  }

  end(): Promise<void> {
    return this.#process.end();
  }
}
