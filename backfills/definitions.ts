/**
 * What workflows and their clients share: names, ids, messages, search attributes, and the types of inputs and results.
 */
import { defineSearchAttributeKey, SearchAttributeType } from '@temporalio/common';
import { defineQuery, defineSignal } from '@temporalio/workflow';

/**
 * The version of the shared queue's workflows and activities, and a part of its name, so that hives of an older version
 * never get tasks that they don't know. Raise it, once per release, when a type of either is added or removed
 * (docs/development.md).
 */
export const QUEUE_VERSION = 2;
/** Installations have names since this version. */
export const FIRST_NAMED_QUEUE_VERSION = 2;

/** @returns the queue of this version of the installation that has the queue, whatever the queue's version is */
export function toCurrentQueue(queue: string): string {
  return `${queue.replace(/\.\d+$/, '')}.${QUEUE_VERSION}`;
}

export const searchAttributes = {
  nodeId: defineSearchAttributeKey('NodeId', SearchAttributeType.KEYWORD),
  attemptId: defineSearchAttributeKey('AttemptId', SearchAttributeType.KEYWORD),
  organizationId: defineSearchAttributeKey('OrganizationId', SearchAttributeType.KEYWORD),
  trigger: defineSearchAttributeKey('Trigger', SearchAttributeType.KEYWORD),
  outcome: defineSearchAttributeKey('Outcome', SearchAttributeType.KEYWORD),
};

/** What made a backfill start. */
export type Trigger = 'read' | 'reconnect' | 'schedule' | 'manual';

/** Temporal's priority keys. They order a backlog: what someone is waiting for comes first. */
export const TRIGGER_PRIORITY: Record<Trigger, number> = { read: 1, manual: 1, reconnect: 3, schedule: 5 };

/** What a backfill mirrors: everything, only the metadata, or only the lines of the executions that the hive knows. */
export type BackfillType = 'full_attempt' | 'executions' | 'logs';

export type Outcome = 'complete' | 'partial' | 'unavailable' | 'node_offline' | 'cancelled' | 'failed';

/** An attempt, as workflows identify it. */
export interface AttemptRef {
  attemptId: string;
  nodeId: string;
  organizationId: string;
}

/** Where a node is connected: the task queue of the hive that has its socket, and the session. */
export interface NodeLocation {
  queue: string;
  sessionId: string;
}

export interface BackfillInput extends AttemptRef {
  trigger: Trigger;
  type: BackfillType;
  /** How long the backfill waits for a node that has disconnected. */
  nodeTimeoutSeconds: number;
  /** Where the node was connected when the backfill was requested. Saves a look-up as long as it is still true. */
  location?: NodeLocation;
  /** The claim on the attempt that it was started for, which ends with it. Absent if it was not claimed. */
  claim?: string;
  /** Carried through continue-as-new: how often it has looked at the attempt again. */
  looks?: number;
  /** How long nothing has progressed, in ms. Carried through continue-as-new. */
  idleMs?: number;
  /** Carried through continue-as-new. */
  progress?: BackfillProgress;
  /** Where the steps of the backfill are. Carried through continue-as-new. */
  position?: MirrorPosition;
  /** Whether a reader or a person waits for it. Carried through continue-as-new. @default by the trigger */
  isExpedited?: boolean;
}

/** How far a backfill has come. Counts are over all the attempt's executions, as last known. */
export interface BackfillProgress {
  /** `waiting_for_answers`: the node is connected, and has to answer earlier requests first (version 1). */
  phase: 'locating' | 'waiting_for_node' | 'waiting_for_answers' | 'mirroring' | 'settling' | 'ended';
  executions: number;
  linesDeclared: number;
  linesStored: number;
  /** Lines that this backfill itself pulled and stored. */
  linesPulled: number;
  pulls: number;
}

/** Where a backfill's step ended and the next one goes on, as far as the hive's database does not tell. */
export interface MirrorPosition {
  /** The node is to describe the attempt again, because readings did not match its last description. */
  isLookingAgain: boolean;
  /** The pass over the executions with missing lines has dealt with those up to this ordinal. */
  after: number;
  /** The pass has stored lines. */
  hasStored: boolean;
  /** Why a reading of the pass failed, if one did. */
  failure?: string;
  /** How many passes in a row, before this one, had failures and stored nothing. */
  idlePasses: number;
}

export interface BackfillResult {
  outcome: Outcome;
  linesDeclared: number;
  linesStored: number;
  linesPulled: number;
  /** A code, never content. Set if the outcome is not `complete`. */
  reason?: string;
}

export interface DrainInput {
  nodeId: string;
  organizationId: string;
  /** The maximum number of backfills that run at the same time. */
  concurrency: number;
  nodeTimeoutSeconds: number;
  /** Carried through continue-as-new, like the fields below: where the pass goes on. */
  position?: DrainPosition;
  /** What asked for the pass. */
  trigger?: Trigger;
  /** The number of backfills started so far. */
  started?: number;
  /** Whether another pass is to follow. */
  isSignalled?: boolean;
  /** How many attempts of this pass another backfill occupied. */
  occupied?: number;
  /** How many passes there have been for such attempts. */
  revisits?: number;
}

/** The workflows as their clients start them. */
export type BackfillAttempt = (input: BackfillInput) => Promise<BackfillResult>;
export type DrainNode = (input: DrainInput) => Promise<{ started: number }>;

/** What one workflow delivers, in order: a webhook's events of one attempt or node (of a test: the webhook's own). */
export interface DeliveryInput {
  webhookId: string;
  subjectId: string;
  organizationId: string;
  /** Carried through continue-as-new, like the next: how many events were delivered. */
  delivered?: number;
  /** How many events were given up. */
  givenUp?: number;
}

export type DeliverWebhook = (input: DeliveryInput) => Promise<{ delivered: number; givenUp: number }>;

/** @returns the queue of what sends requests to webhooks: their receivers can be slow, and hold up nothing else there */
export function toWebhookQueue(queue: string): string {
  return `${toCurrentQueue(queue)}-webhooks`;
}

/** How far a pass over a node's attempts has come. */
export interface DrainPosition {
  /** The last attempt that was listed; the next list begins after it. */
  after?: { createdAt: string; attemptId: string };
  /** Whether there is none left to list. */
  isListed: boolean;
  /** Attempts whose backfills are running, and so take one of the `concurrency` places. */
  running: string[];
}

/**
 * A reader is waiting: the rest of the backfill should run ahead of others. One who `joins` wanted to start it: it must
 * look at the attempt once more if its last look is over.
 */
export const expediteSignal = defineSignal<[{ joins: boolean }?]>('expedite');
/** Attempts of the node may need a backfill. */
export const drainSignal = defineSignal<[{ trigger: Trigger }]>('drain');
/** There is another event for the webhook, or its receiver works again. */
export const eventSignal = defineSignal('event');
export const progressQuery = defineQuery<BackfillProgress>('progress');

/**
 * The start options of a backfill that do not depend on who starts it: what the Temporal UI shows, and its priority.
 */
export function backfillOptions(input: BackfillInput) {
  return {
    typedSearchAttributes: [
      { key: searchAttributes.nodeId, value: input.nodeId },
      { key: searchAttributes.attemptId, value: input.attemptId },
      { key: searchAttributes.organizationId, value: input.organizationId },
      { key: searchAttributes.trigger, value: input.trigger },
    ],
    priority: { priorityKey: TRIGGER_PRIORITY[input.trigger], fairnessKey: input.nodeId },
    staticSummary: `${input.trigger}: attempt ${input.attemptId}`,
  };
}
