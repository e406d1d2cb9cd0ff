/** Workflows alone: run from source in the test run's Temporal, with fake activities. */
import { randomUUID } from 'node:crypto';
import { join } from 'node:path';
import { TestWorkflowEnvironment } from '@temporalio/testing';
import {
  bundleWorkflowCode,
  DefaultLogger,
  makeTelemetryFilterString,
  Runtime,
  Worker,
  type WorkflowBundleWithSourceMap,
} from '@temporalio/worker';
import { InstallationClient } from '../../backfills/installation.js';
import { ensureSearchAttributes } from '../../workers/temporal/search-attributes.js';
import { testServices } from './services.js';

const WORKFLOWS = join(import.meta.dirname, '..', '..', 'workflows');

/** A Temporal namespace of its own, and the workers that a test starts in it. */
export class WorkflowWorld {
  readonly #environment: TestWorkflowEnvironment;
  readonly #bundle: WorkflowBundleWithSourceMap;
  /** Of an installation without a name, so that ids are short. */
  readonly client: InstallationClient;
  readonly #workers: { worker: Worker; finished: Promise<void> }[] = [];

  private constructor(environment: TestWorkflowEnvironment, bundle: WorkflowBundleWithSourceMap) {
    this.#environment = environment;
    this.#bundle = bundle;
    const { connection, namespace } = environment;
    const options = { connection, namespace: namespace ?? 'default' };
    this.client = new InstallationClient(options, { id: randomUUID(), name: '' });
  }

  static async create(): Promise<WorkflowWorld> {
    const filter = makeTelemetryFilterString({ core: 'ERROR', other: 'ERROR' });
    Runtime.install({ logger: new DefaultLogger('ERROR'), telemetryOptions: { logging: { filter } } });
    const bundle = await bundleWorkflowCode({
      workflowsPath: join(WORKFLOWS, 'index.ts'),
      workflowInterceptorModules: [join(WORKFLOWS, 'queue-interceptor.ts')],
      logger: new DefaultLogger('WARN'),
    });
    const namespace = `test-${randomUUID()}`;
    const address = testServices().temporalAddress;
    const environment = await TestWorkflowEnvironment.createFromExistingServer({ address, namespace });
    await environment.connection.workflowService.registerNamespace({
      namespace,
      workflowExecutionRetentionPeriod: { seconds: 86_400 as never },
    });
    await ensureSearchAttributes(environment.client, namespace);
    return new WorkflowWorld(environment, bundle);
  }

  get queue(): string {
    return this.client.names.queue;
  }

  /** A client like the product's, which can start workflows on workers of its own process. */
  get nativeClient(): InstallationClient {
    const { nativeConnection: connection, namespace = 'default' } = this.#environment;
    return new InstallationClient({ connection, namespace }, this.client.installation);
  }

  /** Starts a worker. The one of the shared queue runs the workflows too. */
  async work(taskQueue: string, activities: object): Promise<void> {
    const worker = await Worker.create({
      connection: this.#environment.nativeConnection,
      namespace: this.#environment.namespace ?? 'default',
      taskQueue,
      activities,
      maxHeartbeatThrottleInterval: 100, // cancellation reaches an activity with the answer to a heartbeat
      ...(taskQueue === this.queue && { workflowBundle: this.#bundle }),
    });
    this.#workers.push({ worker, finished: worker.run() });
  }

  async stop(): Promise<void> {
    for (const { worker } of this.#workers) worker.shutdown();
    await Promise.all(this.#workers.map(({ finished }) => finished));
    await this.#environment.teardown();
  }
}
