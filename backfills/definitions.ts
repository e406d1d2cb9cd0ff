/** What workflows and their clients share: names, ids, messages, search attributes and the shapes that travel. */
import { defineSearchAttributeKey, SearchAttributeType } from '@temporalio/common';
import { defineQuery, defineSignal } from '@temporalio/workflow';

/** Workflows, and the activities that any hive can do. Activities that need a socket run on the hive's own queues. */
export const HIVE_TASK_QUEUE = 'hive';

export const searchAttributes = {
  nodeId: defineSearchAttributeKey('NodeId', SearchAttributeType.KEYWORD),
  attemptId: defineSearchAttributeKey('AttemptId', SearchAttributeType.KEYWORD),
  organizationId: defineSearchAttributeKey('OrganizationId', SearchAttributeType.KEYWORD),
  trigger: defineSearchAttributeKey('Trigger', SearchAttributeType.KEYWORD),
  outcome: defineSearchAttributeKey('Outcome', SearchAttributeType.KEYWORD),
};

/** What made a backfill start. */
export type Trigger = 'read' | 'reconnect' | 'schedule' | 'manual';

/** Order of a backlog: what a reader waits for first. */
export const TRIGGER_PRIORITY: Record<Trigger, number> = { read: 1, manual: 1, reconnect: 3, schedule: 5 };

/** What a backfill mirrors: everything, the metadata alone, or the lines of the executions that the hive knows. */
export type BackfillType = 'full_attempt' | 'executions' | 'logs';

export type Outcome = 'complete' | 'partial' | 'unavailable' | 'node_offline' | 'cancelled' | 'failed';

export const backfillWorkflowId = (attemptId: string) => `backfill/${attemptId}`;
export const drainWorkflowId = (nodeId: string) => `drain/${nodeId}`;

/** The attempt as a workflow needs to know it. */
export interface AttemptRef {
  attemptId: string;
  nodeId: string;
  organizationId: string;
}

/** The hive queue that holds a node's socket. */
export interface NodeLocation {
  queue: string;
  sessionId: string;
}

export interface BackfillInput extends AttemptRef {
  trigger: Trigger;
  type: BackfillType;
  /** How long a node that went away is waited for. */
  nodeTimeoutSeconds: number;
  /** Where the node was when the backfill was decided; saves a look-up while it is still true. */
  location?: NodeLocation;
  /** Carried through continue-as-new. */
  progress?: BackfillProgress;
}

/** Counts over the attempt's executions, as last known. */
export interface BackfillProgress {
  phase: 'locating' | 'waiting_for_node' | 'mirroring' | 'settling' | 'ended';
  executions: number;
  linesDeclared: number;
  linesStored: number;
  /** Lines that this backfill itself pulled and stored. */
  linesPulled: number;
  pulls: number;
}

export interface BackfillResult {
  outcome: Outcome;
  linesDeclared: number;
  linesStored: number;
  linesPulled: number;
  /** A code, never content; set where the outcome is not `complete`. */
  reason?: string;
}

export interface DrainInput {
  nodeId: string;
  organizationId: string;
  /** Backfills at once. */
  concurrency: number;
  nodeTimeoutSeconds: number;
  /** Carried through continue-as-new: where the pass goes on, what asked for it, and whether another is to follow. */
  position?: DrainPosition;
  trigger?: Trigger;
  started?: number;
  isSignalled?: boolean;
}

/** The workflows as their clients start them. */
export type BackfillAttempt = (input: BackfillInput) => Promise<BackfillResult>;
export type DrainNode = (input: DrainInput) => Promise<{ started: number }>;

/** How far a pass over a node's attempts has come. */
export interface DrainPosition {
  /** The last attempt that was listed. */
  after?: { createdAt: string; attemptId: string };
  /** There is none left to list. */
  isListed: boolean;
  /** Attempts whose backfill takes a place: at most as many as may run at once. */
  running: string[];
}

/** A reader waits: what is left of the backfill runs ahead of others. */
export const expediteSignal = defineSignal('expedite');
/** Attempts of the node may need a backfill. */
export const drainSignal = defineSignal<[{ trigger: Trigger }]>('drain');
export const progressQuery = defineQuery<BackfillProgress>('progress');

/** What a backfill carries for the Temporal UI and for the order of a backlog, whoever starts it. */
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
