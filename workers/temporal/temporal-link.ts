/** The process's link to Temporal: connects in the background, runs the workers, and retries when that fails. */
import { setTimeout as sleep } from 'node:timers/promises';
import { NativeConnection, type NativeConnectionOptions, type Worker } from '@temporalio/worker';
import type { Logger } from 'pino';
import { InstallationClient, type Installation } from '../../backfills/installation.js';
import type { TemporalDoor } from '../../backfills/temporal-door.js';
import { ensureReconcileSchedule, InstallationConflictError, removeFormerSchedule } from './schedule.js';
import { ensureSearchAttributes } from './search-attributes.js';
import { createWorkers, type WorkerDeps } from './workers.js';

export interface TemporalLinkOptions {
  connection: NativeConnectionOptions;
  namespace: string;
  installation: Installation & { formerName: string | null };
  reconcileIntervalSeconds: number;
  /** Opened with the first connection; stays open even while Temporal is unreachable. */
  door: TemporalDoor;
  hive: Omit<WorkerDeps['hive'], 'temporal' | 'stopping'>;
  gateway?: WorkerDeps['gateway'];
  logger: Logger;
}

export type LinkState = 'ok' | 'degraded';

const RETRY_MS = 2000;
const HEALTH_INTERVAL_MS = 5000;
const HEALTH_DEADLINE_MS = 2000;

export class TemporalLink {
  readonly #options: TemporalLinkOptions;
  #connection: NativeConnection | undefined;
  #client: InstallationClient | undefined;
  #workers: Worker[] = [];
  #isServerThere = false;
  readonly #stopping = new AbortController();
  #finished = Promise.resolve();

  constructor(options: TemporalLinkOptions) {
    this.#options = options;
  }

  /** The last known state of the server, and the state of this process's workers. */
  get state(): { temporal: LinkState; workers: LinkState } {
    const running = this.#workers.length > 0 && this.#workers.every((worker) => worker.getState() === 'RUNNING');
    return {
      temporal: this.#isServerThere ? 'ok' : 'degraded',
      workers: running && this.#isServerThere ? 'ok' : 'degraded',
    };
  }

  /** Returns at once; {@link state} shows the progress. */
  start(): void {
    this.#finished = Promise.all([this.#run(), this.#watch()]).then(() => undefined);
  }

  /** Lets running activities end within their grace period, then disconnects. */
  async stop(): Promise<void> {
    this.#stopping.abort();
    this.#shutdownWorkers();
    await this.#finished;
    await this.#connection?.close();
  }

  get #isStopping(): boolean {
    return this.#stopping.signal.aborted;
  }

  async #run(): Promise<void> {
    const { logger } = this.#options;
    let isConflictLogged = false;
    while (!this.#isStopping) {
      try {
        await this.#connectAndWork();
      } catch (error) {
        const isConflict = error instanceof InstallationConflictError;
        if (!isConflict)
          logger.error({ err: error }, 'no workers are running: Temporal is unreachable or refuses them');
        else if (!isConflictLogged) logger.error(`no workers are running: ${error.message}`);
        isConflictLogged = isConflict;
      }
      await this.#pause(RETRY_MS);
    }
  }

  async #connectAndWork(): Promise<void> {
    const { door, namespace, installation, hive, gateway, logger, reconcileIntervalSeconds } = this.#options;
    const connection = (this.#connection ??= await NativeConnection.connect(this.#options.connection));
    const client = (this.#client ??= new InstallationClient({ connection, namespace }, installation));
    door.open(client);
    await ensureSearchAttributes(client, namespace);
    this.#isServerThere = true;
    // before the workers, which must not take the workflows of another installation
    await ensureReconcileSchedule(client, reconcileIntervalSeconds);
    if (installation.formerName !== null) await removeFormerSchedule(client, installation.formerName);
    this.#workers = await createWorkers({
      connection,
      namespace,
      names: client.names,
      hive: { ...hive, temporal: door, stopping: this.#stopping.signal },
      ...(gateway && { gateway }),
    });
    try {
      const running = Promise.all(this.#workers.map((worker) => this.#runWorker(worker)));
      logger.info({ queues: this.#workers.map((worker) => worker.options.taskQueue) }, 'workers are running');
      if (this.#isStopping) this.#shutdownWorkers();
      await running;
    } finally {
      this.#workers = [];
    }
  }

  /** If one worker fails, all of them stop and start again together. */
  async #runWorker(worker: Worker): Promise<void> {
    try {
      await worker.run();
    } finally {
      this.#shutdownWorkers();
    }
  }

  #shutdownWorkers(): void {
    for (const worker of this.#workers) if (worker.getState() === 'RUNNING') worker.shutdown();
  }

  async #watch(): Promise<void> {
    while (!this.#isStopping) {
      const connection = this.#connection;
      if (connection) {
        this.#isServerThere = await connection
          .withDeadline(Date.now() + HEALTH_DEADLINE_MS, () => connection.workflowService.getSystemInfo({}))
          .then(
            () => true,
            () => false,
          );
      }
      await this.#pause(HEALTH_INTERVAL_MS);
    }
  }

  /** Waits; a stop ends the waiting early. */
  async #pause(ms: number): Promise<void> {
    const until = Date.now() + ms;
    while (!this.#isStopping && Date.now() < until) await sleep(50);
  }
}
