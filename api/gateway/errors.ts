import type { RequestFailureCode } from '../../protocol/frames.js';

/**
 * Why a request to a node had no good end. `code` is safe to show and to keep in a workflow's history; the node's own
 * words are in `message` for the hive's log only.
 */
export class NodeRequestError extends Error {
  override readonly name = 'NodeRequestError';
  constructor(
    readonly code: RequestFailureCode | 'disconnected' | 'timeout' | 'protocol' | 'cancelled',
    message: string,
  ) {
    super(message);
  }
}
