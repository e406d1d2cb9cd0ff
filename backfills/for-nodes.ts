/** Backfills of a connected node: of all its attempts, by a drain, or of a single one. */
import type { AttemptLabels } from '../prisma/queries/list-needing-backfill.js';
import type { NodeLocation } from './definitions.js';
import { signalDrain, startUnlessRunning } from './start.js';
import type { TemporalDoor } from './temporal-door.js';

/** A connected node, and the session by which it is connected. */
export interface ConnectedNode {
  nodeId: string;
  organizationId: string;
  sessionId: string;
}

export interface NodeBackfills {
  /** The maximum number of backfills of one node that run at the same time. */
  readonly concurrency: number;
  /** Starts the node's drain, or signals the one that is running. @throws TemporalUnavailableError */
  drain(node: ConnectedNode, nodeName?: string | null): Promise<void>;
  /** Starts a backfill of one attempt. @returns false if one is already running @throws TemporalUnavailableError */
  start(node: ConnectedNode, attempt: { attemptId: string } & AttemptLabels): Promise<boolean>;
}

export interface NodeBackfillsOptions {
  temporal: TemporalDoor;
  /** The task queue of this hive process, which has the nodes' sockets. */
  queue: NodeLocation['queue'];
  concurrency: number;
  /** How long a backfill waits for a node that has disconnected. */
  nodeTimeoutSeconds: number;
}

export function createNodeBackfills(options: NodeBackfillsOptions): NodeBackfills {
  const { temporal, queue, concurrency, nodeTimeoutSeconds } = options;
  return {
    concurrency,

    drain: ({ nodeId, organizationId }, nodeName = null) =>
      temporal.call('request', (client) =>
        signalDrain(client, { nodeId, organizationId, concurrency, nodeTimeoutSeconds }, 'reconnect', { nodeName }),
      ),

    start: ({ nodeId, organizationId, sessionId }, { attemptId, title, nodeName }) =>
      temporal.call('request', async (client) => {
        const location = { queue, sessionId };
        const attempt = { attemptId, nodeId, organizationId, location, nodeTimeoutSeconds };
        const input = { ...attempt, trigger: 'reconnect', type: 'full_attempt' } as const;
        const runId = await startUnlessRunning(client, input, { title, nodeName });
        return runId !== undefined;
      }),
  };
}
