/** A seed's own PostgreSQL and Temporal, in the hands of a process that outlives this one long enough to stop them. */
import { HelperProcess } from '../harness/helper-process.js';

export type ServerName = 'postgres' | 'temporal';

/** Where a server that was started is; the other one's address is absent. */
export interface ServerAddress {
  databaseUrl?: string;
  temporalAddress?: string;
}

export class Servers {
  readonly #process: HelperProcess;

  /** @param directory removed with everything in it when this process ends, unless {@link keepDirectory} was called */
  constructor(directory: string) {
    this.#process = new HelperProcess('tests/chaos/servers-process', [directory]);
  }

  async startPostgres(): Promise<string> {
    return (await this.start('postgres')).databaseUrl ?? '';
  }

  async startTemporal(): Promise<string> {
    return (await this.start('temporal')).temporalAddress ?? '';
  }

  /** Starts a server; again, it gets the port that it had. */
  start(server: ServerName): Promise<ServerAddress> {
    return this.#process.ask('start', server);
  }

  async stop(server: ServerName): Promise<void> {
    await this.#process.ask('stop', server);
  }

  /** kill -9; it comes back by itself. */
  async kill(server: ServerName): Promise<void> {
    await this.#process.ask('kill', server);
  }

  async keepDirectory(): Promise<void> {
    await this.#process.ask('keepDirectory');
  }

  /** Stops both and waits until they are gone. */
  end(): Promise<void> {
    return this.#process.end();
  }
}
