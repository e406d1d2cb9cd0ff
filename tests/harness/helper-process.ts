/** A helper process of a test or benchmark: carries out orders that come over IPC, and ends when its parent does. */
import { fork, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { projectRoot } from '../../workers/project-root.js';
import { profiling, whileRunning } from './processes.js';

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

  /** @param script path below the project's folder, without extension */
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

  /** @throws Error with the helper's own message, or if the process ends before it answers */
  async ask<T>(name: string, argument?: unknown): Promise<T> {
    const id = ++this.#orders;
    const answered = new Promise<Answer>((resolve) => {
      this.#waiting.set(id, resolve);
      this.#child.send({ id, name, argument } satisfies Order);
    });
    const answer = await whileRunning(this.#child, name, () => answered).finally(() => this.#waiting.delete(id));
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
 * The helper's side: carries out orders by name, one at a time. When the parent is gone, `end` runs and the process
 * exits.
 */
export function serveOrders(
  orders: Record<string, (argument: never) => Promise<unknown>>,
  end: () => Promise<void>,
): void {
  // Ctrl-C reaches the whole process group: the parent ends and so closes the channel
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
