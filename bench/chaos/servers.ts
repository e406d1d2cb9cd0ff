/** A seed's own PostgreSQL and Temporal, in the hands of a process that outlives this one long enough to stop them. */
import { fork, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { projectRoot } from '../../workers/project-root.js';

export type ServerName = 'postgres' | 'temporal';

export interface ServerRequest {
  id: number;
  order: 'start' | 'stop' | 'kill' | 'keep';
  server: ServerName;
}

export interface ServerAnswer {
  id: number;
  error?: string;
  databaseUrl?: string;
  temporalAddress?: string;
}

export class Servers {
  readonly #child: ChildProcess;
  readonly #waiting = new Map<number, (answer: ServerAnswer) => void>();
  #requests = 0;

  /** @param directory removed with everything in it when this process ends, unless {@link keepDirectory} was called */
  constructor(directory: string) {
    const script = join(projectRoot(), 'dist', 'bench', 'chaos', 'servers-process.js');
    this.#child = fork(script, [directory], { execArgv: [], stdio: ['ignore', 'ignore', 'inherit', 'ipc'] });
    this.#child.on('message', (answer: ServerAnswer) => this.#waiting.get(answer.id)?.(answer));
  }

  async startPostgres(): Promise<string> {
    return (await this.#ask('start', 'postgres')).databaseUrl ?? '';
  }

  async startTemporal(): Promise<string> {
    return (await this.#ask('start', 'temporal')).temporalAddress ?? '';
  }

  /** Starts it again on the port it had. */
  async start(server: ServerName): Promise<void> {
    await this.#ask('start', server);
  }

  async stop(server: ServerName): Promise<void> {
    await this.#ask('stop', server);
  }

  /** kill -9; it comes back by itself. */
  async kill(server: ServerName): Promise<void> {
    await this.#ask('kill', server);
  }

  async keepDirectory(): Promise<void> {
    await this.#ask('keep', 'postgres');
  }

  /** Stops both and waits until they are gone. */
  async end(): Promise<void> {
    if (this.#child.exitCode !== null || this.#child.signalCode !== null) return;
    const exit = once(this.#child, 'exit');
    this.#child.disconnect();
    await exit;
  }

  async #ask(order: ServerRequest['order'], server: ServerName): Promise<ServerAnswer> {
    const request: ServerRequest = { id: ++this.#requests, order, server };
    const ended = new AbortController();
    const answer = await Promise.race([
      new Promise<ServerAnswer>((resolve) => {
        this.#waiting.set(request.id, resolve);
        this.#child.send(request);
      }),
      once(this.#child, 'exit', { signal: ended.signal }).then((): ServerAnswer => ({
        id: request.id,
        error: 'ended',
      })),
    ]).finally(() => ended.abort());
    this.#waiting.delete(request.id);
    if (answer.error !== undefined) throw new Error(`${order} ${server}: ${answer.error}`);
    return answer;
  }
}
