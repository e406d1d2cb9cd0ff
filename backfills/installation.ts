/**
 * An installation: the hives and workers that share one database. Its name is part of every task queue, workflow id and
 * schedule id, so that several installations can share a Temporal namespace. Workflow code must not import this.
 */
import { Client, type ClientOptions } from '@temporalio/client';
import { FIRST_NAMED_QUEUE_VERSION, QUEUE_VERSION, toWebhookQueue } from './definitions.js';

export interface Installation {
  /** Made once in the database. The schedule carries it, so that installations with the same name notice each other. */
  id: string;
  /** Letters, digits and dashes. Empty if the database is older than names: its queue and ids have none. */
  name: string;
}

const BACKFILL = 'backfill/';
const UUID_LENGTH = 36;

/** What an installation calls its things in Temporal. */
export class InstallationNames {
  readonly #name: string;

  constructor({ name }: Pick<Installation, 'name'>) {
    this.#name = name;
  }

  /** The queue of workflows, and of activities that any hive can do. */
  get queue(): string {
    return this.#queueOf(QUEUE_VERSION);
  }

  /** The queue of what sends requests to webhooks. */
  get webhookQueue(): string {
    return toWebhookQueue(this.queue);
  }

  /** The queue of hives of the version before this one, whose workflows still have to end; undefined if it had none. */
  get formerQueue(): string | undefined {
    return QUEUE_VERSION > this.#firstVersion ? this.#queueOf(QUEUE_VERSION - 1) : undefined;
  }

  /** Every queue on which the installation's workflows have been started. */
  get allQueues(): string[] {
    const first = this.#firstVersion;
    return Array.from({ length: QUEUE_VERSION - first + 1 }, (_, index) => this.#queueOf(first + index));
  }

  get reconcileScheduleId(): string {
    return `reconcile${this.#suffix}`;
  }

  backfillId(attemptId: string): string {
    return `${BACKFILL}${attemptId}${this.#suffix}`;
  }

  /** @param workflowId of a backfill */
  attemptOf(workflowId: string): string {
    return workflowId.slice(BACKFILL.length, BACKFILL.length + UUID_LENGTH);
  }

  drainId(nodeId: string): string {
    return `drain/${nodeId}${this.#suffix}`;
  }

  /** @param subjectId the attempt or node that the webhook is told of */
  webhookId(webhookId: string, subjectId: string): string {
    return `webhook/${webhookId}/${subjectId}${this.#suffix}`;
  }

  get #suffix(): string {
    return this.#name === '' ? '' : `@${this.#name}`;
  }

  get #firstVersion(): number {
    return this.#name === '' ? 1 : FIRST_NAMED_QUEUE_VERSION;
  }

  #queueOf(version: number): string {
    const queue = this.#name === '' ? 'hive' : `hive-${this.#name}`;
    return version === 1 ? queue : `${queue}.${version}`;
  }
}

/** A client of Temporal that knows what its installation calls things. */
export class InstallationClient extends Client {
  readonly names: InstallationNames;

  constructor(
    options: ClientOptions,
    readonly installation: Installation,
  ) {
    super(options);
    this.names = new InstallationNames(installation);
  }
}
