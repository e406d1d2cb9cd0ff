/** Everything a node-agent command can fail with on purpose: a code for programs, a sentence for people. */
export type NodeAgentErrorCode = 'config' | 'usage' | 'store' | 'not_found' | 'line_too_large';

export class NodeAgentError extends Error {
  override readonly name = 'NodeAgentError';
  constructor(
    readonly code: NodeAgentErrorCode,
    message: string,
    options?: ErrorOptions,
  ) {
    super(message, options);
  }
}

/** What an unknown thrown value says, without its stack. */
export function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}

/** A short name of a failure that holds no data: an errno or SQLite code where there is one. */
export function codeOf(error: unknown): string {
  if (error instanceof NodeAgentError && error.cause !== undefined) return codeOf(error.cause);
  if (error instanceof Error && 'code' in error && typeof error.code === 'string') return error.code;
  return error instanceof Error ? error.name : 'unknown';
}
