/** A PostgreSQL and a Temporal, owned by a process that outlives this one long enough to stop them. */
import { HelperProcess } from './helper-process.js';

export type ServerName = 'postgres' | 'temporal';

/** The address of the server that was started; the other one's is absent. */
export interface ServerAddress {
  databaseUrl?: string;
  temporalAddress?: string;
}

export class Servers {
  readonly #process: HelperProcess;

  /**
   * @param directory removed with everything in it when this process ends, unless {@link keepDirectory} was called
   * @param postgresSettings PostgreSQL's settings, name to value
   */
  constructor(directory: string, postgresSettings: Record<string, string> = {}) {
    this.#process = new HelperProcess('tests/harness/servers-process', [directory, JSON.stringify(postgresSettings)]);
  }

  async startPostgres(): Promise<string> {
    return (await this.start('postgres')).databaseUrl ?? '';
  }

  async startTemporal(): Promise<string> {
    return (await this.start('temporal')).temporalAddress ?? '';
  }

  /** Starts a server. When started again, it gets the port that it had before. */
  start(server: ServerName): Promise<ServerAddress> {
    return this.#process.ask('start', server);
  }

  async stop(server: ServerName): Promise<void> {
    await this.#process.ask('stop', server);
  }

  /** kill -9; the server comes back by itself. */
  async kill(server: ServerName): Promise<void> {
    await this.#process.ask('kill', server);
  }

  /** Removes everything that a stopped Temporal knew. */
  async forgetTemporal(): Promise<void> {
    await this.#process.ask('forgetTemporal');
  }

  async keepDirectory(): Promise<void> {
    await this.#process.ask('keepDirectory');
  }

  /** Stops both and waits until they are gone. */
  end(): Promise<void> {
    return this.#process.end();
  }
}
