/** A node's session, as the writes that it causes know it. */

/** The part of a session that every write carries: the node, and the fence of its lease. */
export interface SessionFence {
  nodeId: string;
  fence: bigint;
}

export interface NodeSession extends SessionFence {
  organizationId: string;
}

/** A newer session holds the node: what this one says no longer counts. */
export class SupersededError extends Error {
  override readonly name = 'SupersededError';
  readonly code = 'superseded';
  constructor(readonly nodeId: string) {
    super(`a newer session of node ${nodeId} has taken over`);
  }
}
