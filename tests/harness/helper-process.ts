/** A helper process of a benchmark or of chaos: answers orders over IPC, and ends when its parent does. */
import { fork, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { projectRoot } from '../../workers/project-root.js';
import { profiling } from './processes.js';

interface Order {
  id: number;
  name: string;
  argument: unknown;
}

interface Answer {
  id: number;
  result?: unknown;
  error?: string;
}

export class HelperProcess {
  readonly #child: ChildProcess;
  readonly #waiting = new Map<number, (answer: Answer) => void>();
  #orders = 0;

  /** @param script below the project's folder, without extension */
  constructor(script: string, args: string[] = []) {
    this.#child = fork(join(projectRoot(), 'dist', `${script}.js`), args, {
      execArgv: profiling(script),
      stdio: ['ignore', 'ignore', 'inherit', 'ipc'],
    });
    this.#child.on('message', (answer: Answer) => this.#waiting.get(answer.id)?.(answer));
  }

  get pid(): number {
    return this.#child.pid ?? 0;
  }

  /** @throws Error with the helper's own words */
  async ask<T>(name: string, argument?: unknown): Promise<T> {
    const id = ++this.#orders;
    const ended = new AbortController();
    const answer = await Promise.race([
      new Promise<Answer>((resolve) => {
        this.#waiting.set(id, resolve);
        this.#child.send({ id, name, argument } satisfies Order);
      }),
      once(this.#child, 'exit', { signal: ended.signal }).then((): Answer => ({ id, error: 'the process ended' })),
    ]).finally(() => ended.abort());
    this.#waiting.delete(id);
    if (answer.error !== undefined) throw new Error(`${name}: ${answer.error}`);
    return answer.result as T;
  }

  /** Lets it end by itself, and waits for that. */
  async end(): Promise<void> {
    if (this.#child.exitCode !== null || this.#child.signalCode !== null) return;
    const exit = once(this.#child, 'exit');
    if (this.#child.connected) this.#child.disconnect();
    await exit;
  }
}

/**
 * The helper's side: answers orders by name, one at a time; `end` runs when the parent has
 * gone, and then the process exits.
 */
export function serveOrders(
  orders: Record<string, (argument: never) => Promise<unknown>>,
  end: () => Promise<void>,
): void {
  // Ctrl-C reaches the whole group; the parent ends by it and closes the channel
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.on(signal, () => undefined);
  let last: Promise<unknown> = Promise.resolve();
  process.on('message', (order: Order) => {
    last = last.then(() => answer(order));
  });
  process.once('disconnect', () => {
    void last.then(end).finally(() => process.exit());
  });

  async function answer({ id, name, argument }: Order): Promise<void> {
    const reply: Answer = { id };
    try {
      reply.result = await orders[name]?.(argument as never);
    } catch (error) {
      reply.error = error instanceof Error ? error.message : String(error);
    }
    if (process.connected) process.send?.(reply);
  }
}
