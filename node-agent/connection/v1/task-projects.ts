/** Asks a version 1 hive to which of its projects a shared task belongs. */
import { backOff } from 'exponential-backoff';
import { z } from 'zod';
import { uuid } from '../../../protocol/uuid.js';
import { messageOf } from '../../errors.js';
import type { Logger } from '../../log.js';
import { requestJson } from '../http.js';

const ANSWER_MS = 5000;
const TRIES = 3;
/** How long an answer that leads to no project is believed. */
const BELIEVE_MS = 60_000;

const taskAnswer = z.object({ task: z.object({ swarm_project_id: uuid.nullish() }) });

/**
 * `needless`: the hive mirrors without links. `unknown`: as far as one can tell, the hive will drop the lines of the
 * task's attempts.
 */
export type TaskProject = { kind: 'project'; id: string } | { kind: 'needless' } | { kind: 'unknown' };

export interface TaskProjectsOptions {
  /** The socket's address. */
  url: string;
  apiKey: string;
  logger: Logger;
}

export class TaskProjects {
  readonly #options: TaskProjectsOptions;
  readonly #projects = new Map<string, string>();
  /** Tasks without a project, and until when that is believed. */
  readonly #unknown = new Map<string, number>();
  readonly #warnings = new Set<string>();
  #isNeedless = false;
  /** No other task is asked about before, because the hive did not answer. */
  #silentUntil = -Infinity;

  constructor(options: TaskProjectsOptions) {
    this.#options = options;
  }

  /** Whether the hive is known to be one that needs links: one that stores every line it is sent, also a second time. */
  get isOriginal(): boolean {
    return !this.#isNeedless && this.#projects.size > 0;
  }

  /** Warns once of each reason for which lines will be dropped. */
  async find(taskId: string): Promise<TaskProject> {
    if (this.#isNeedless) return { kind: 'needless' };
    const known = this.#projects.get(taskId);
    if (known !== undefined) return { kind: 'project', id: known };
    const now = performance.now();
    if (now < this.#silentUntil || now < (this.#unknown.get(taskId) ?? -Infinity)) return { kind: 'unknown' };
    try {
      return await this.#ask(taskId);
    } catch (error) {
      this.#silentUntil = performance.now() + BELIEVE_MS;
      return this.#warn(taskId, `the hive does not say to which project a task belongs (${messageOf(error)})`);
    }
  }

  /** @throws Error if the hive does not answer */
  async #ask(taskId: string): Promise<TaskProject> {
    const { url, apiKey } = this.#options;
    const address = new URL(url.replace(/^ws/, 'http').replace(/nodes\/ws$/, `sync/swarm/tasks/${taskId}`));
    const headers = { authorization: `Bearer ${apiKey}` };
    const response = await backOff(
      async () => {
        const answered = await requestJson(address, { headers, timeoutMs: ANSWER_MS });
        if (answered.status >= 500) throw new Error(`it answers ${answered.status}`);
        return answered;
      },
      { numOfAttempts: TRIES, startingDelay: 200 },
    );
    // an original hive has no such errors, and this project's hive has no such route
    if (response.contentType.startsWith('application/problem+json')) {
      this.#isNeedless = true;
      return { kind: 'needless' };
    }
    const { data } = taskAnswer.safeParse(response.body);
    const project = data?.task.swarm_project_id;
    if (project != null) {
      this.#projects.set(taskId, project);
      return { kind: 'project', id: project };
    }
    this.#unknown.set(taskId, performance.now() + BELIEVE_MS);
    if (data) return this.#warn(taskId, 'the task belongs to no project of the hive');
    if (response.status === 404) return this.#warn(taskId, 'the hive does not know the task');
    return this.#warn(taskId, `the hive does not say to which project a task belongs (it answers ${response.status})`);
  }

  #warn(taskId: string, why: string): TaskProject {
    if (!this.#warnings.has(why)) {
      this.#warnings.add(why);
      const { logger } = this.#options;
      logger.warn(
        { shared_task_id: taskId },
        `${why}, so an original hive drops the lines of its attempts, even if it calls them complete. The node keeps them`,
      );
    }
    return { kind: 'unknown' };
  }
}
