/** The process's link to Temporal: connects in the background, runs the workers, and retries when that fails. */
import { setTimeout as sleep } from 'node:timers/promises';
import { NativeConnection, type NativeConnectionOptions, type Worker } from '@temporalio/worker';
import type { Logger } from 'pino';
import { InstallationClient, type Installation } from '../../backfills/installation.js';
import type { TemporalDoor } from '../../backfills/temporal-door.js';
import { RepeatedErrors } from '../../gateway/repeated-errors.js';
import { NamespaceSetup } from './namespace-setup.js';
import { createWorkers, type WorkerDeps } from './workers.js';

export interface TemporalLinkOptions {
  connection: NativeConnectionOptions;
  /** Reads the API key again, where the configuration has it. */
  readApiKey?: () => string | undefined;
  namespace: string;
  installation: Installation & { formerName: string | null };
  reconcileIntervalSeconds: number;
  /** Opened with the first connection; stays open even while Temporal is unreachable. */
  door: TemporalDoor;
  hive: Omit<WorkerDeps['hive'], 'temporal' | 'stopping'>;
  webhooks: WorkerDeps['webhooks'];
  gateway?: WorkerDeps['gateway'];
  logger: Logger;
}

export type LinkState = 'ok' | 'degraded';

export interface LinkHealth {
  temporal: LinkState;
  workers: LinkState;
  /** A sentence for people: what is degraded, and what to do about it. Absent if everything is ok. */
  reason?: string;
}

const RETRY_MS = 2000;
const HEALTH_INTERVAL_MS = 5000;
const HEALTH_DEADLINE_MS = 2000;
/** How often the namespace's setup is checked. A namespace with another id is checked at once. */
const SETUP_INTERVAL_MS = 30_000;

export class TemporalLink {
  readonly #options: TemporalLinkOptions;
  #connection: NativeConnection | undefined;
  #client: InstallationClient | undefined;
  #workers: Worker[] = [];
  readonly #setup: NamespaceSetup;
  /** Why Temporal is degraded; undefined if it is well. */
  #serverFault: string | undefined = 'Temporal is not connected yet';
  #setupFault: string | undefined;
  #workersFault: string | undefined = 'the workers have not started yet';
  /** A namespace that was made anew, or that is on a server which lost its data, has another id. */
  #namespaceId: string | null | undefined;
  /** When the namespace's setup is to be checked again, by the monotonic clock. @format ms */
  #nextSetupCheck = 0;
  readonly #repeated = new RepeatedErrors();
  readonly #stopping = new AbortController();
  #finished = Promise.resolve();

  constructor(options: TemporalLinkOptions) {
    this.#options = options;
    this.#setup = new NamespaceSetup(options);
  }

  /** The last known state of the server and its namespace, and the state of this process's workers. */
  get state(): LinkHealth {
    const running = this.#workers.length > 0 && this.#workers.every((worker) => worker.getState() === 'RUNNING');
    const reason = this.#serverFault ?? this.#setupFault ?? (running ? undefined : this.#workersFault);
    return {
      temporal: this.#serverFault === undefined && this.#setupFault === undefined ? 'ok' : 'degraded',
      workers: running && this.#serverFault === undefined ? 'ok' : 'degraded',
      ...(reason !== undefined && { reason }),
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
    while (!this.#isStopping) {
      try {
        await this.#connectAndWork();
      } catch (error) {
        this.#workersFault = `no workers are running: ${innermostMessage(error)}`;
        if (!this.#connection) this.#serverFault = `Temporal is not connected: ${innermostMessage(error)}`;
        if (this.#repeated.isNew(error)) logger.error({ err: error }, this.#workersFault);
      }
      await this.#pause(RETRY_MS);
    }
  }

  async #connectAndWork(): Promise<void> {
    const { door, namespace, installation, hive, webhooks, gateway, logger } = this.#options;
    const connection = (this.#connection ??= await NativeConnection.connect(this.#options.connection));
    const client = (this.#client ??= new InstallationClient({ connection, namespace }, installation));
    door.open(client);
    // before the workers, which must not take the workflows of another installation
    this.#setupFault = await this.#setup.restore();
    this.#serverFault = undefined;
    this.#workers = await createWorkers({
      connection,
      namespace,
      names: client.names,
      hive: { ...hive, temporal: door, stopping: this.#stopping.signal },
      webhooks,
      ...(gateway && { gateway }),
    });
    try {
      const running = this.#workers.map((worker) => this.#runWorker(worker));
      logger.info({ queues: this.#workers.map((worker) => worker.options.taskQueue) }, 'workers are running');
      if (this.#isStopping) this.#shutdownWorkers();
      // all of them, because a queue whose last worker has not ended refuses a new one
      const failed = (await Promise.allSettled(running)).find((result) => result.status === 'rejected');
      if (failed) throw failed.reason;
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
    const { namespace, logger } = this.#options;
    while (!this.#isStopping) {
      const before = this.state.reason;
      if (this.#connection) await this.#look(this.#connection);
      const { reason } = this.state;
      if (reason !== undefined && reason !== before) logger.warn({ namespace, reason }, 'Temporal is degraded');
      if (reason === undefined && before !== undefined) logger.info({ namespace }, 'Temporal and the workers are well');
      await this.#pause(HEALTH_INTERVAL_MS);
    }
  }

  async #look(connection: NativeConnection): Promise<void> {
    const { namespace } = this.#options;
    try {
      const { namespaceInfo } = await connection.withDeadline(Date.now() + HEALTH_DEADLINE_MS, () =>
        connection.workflowService.describeNamespace({ namespace }),
      );
      this.#serverFault = undefined;
      if (namespaceInfo?.id !== this.#namespaceId) this.#nextSetupCheck = 0;
      this.#namespaceId = namespaceInfo?.id;
    } catch (error) {
      this.#serverFault = `Temporal does not give namespace ${namespace}: ${innermostMessage(error)}`;
      if (isCredentialsRefused(error)) await this.#renewApiKey(connection);
      return;
    }
    if (performance.now() >= this.#nextSetupCheck) await this.#checkSetup();
  }

  /** The key may have been replaced since the process read it. */
  async #renewApiKey(connection: NativeConnection): Promise<void> {
    const { readApiKey, logger } = this.#options;
    try {
      const key = readApiKey?.();
      if (key !== undefined) await connection.setApiKey(key);
    } catch (error) {
      if (this.#repeated.isNew(error)) logger.error({ err: error }, "Temporal's API key could not be read again");
    }
  }

  /** If the check fails, the next look repeats it. */
  async #checkSetup(): Promise<void> {
    try {
      this.#setupFault = await this.#setup.restore();
      this.#nextSetupCheck = performance.now() + SETUP_INTERVAL_MS;
    } catch (error) {
      this.#setupFault = `the namespace ${this.#options.namespace} is not set up: ${innermostMessage(error)}`;
    }
  }

  /** Waits; a stop ends the waiting early. */
  async #pause(ms: number): Promise<void> {
    await sleep(ms, undefined, { signal: this.#stopping.signal }).catch(() => undefined);
  }
}

/** gRPC's codes UNAUTHENTICATED and PERMISSION_DENIED. */
const CREDENTIALS_REFUSED = new Set<unknown>([16, 7]);

function isCredentialsRefused(error: unknown): boolean {
  if (!(error instanceof Error)) return false;
  return CREDENTIALS_REFUSED.has((error as { code?: unknown }).code) || isCredentialsRefused(error.cause);
}

/** @returns the message of what caused the error in the first place: those around it only say which call failed */
function innermostMessage(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  return error.cause instanceof Error ? innermostMessage(error.cause) : error.message;
}
