type EmbeddedErrorCode =
  /** Another living hive holds the data directory. */
  | 'data_dir_in_use'
  /** The data directory can't be made, read or written. */
  | 'data_dir_unusable'
  /** A port that was asked for is taken. */
  | 'port_in_use'
  /** There is no server executable and none could be obtained. */
  | 'executable_missing'
  /** No user to run PostgreSQL as. */
  | 'postgres_user'
  /** A server did not become ready. */
  | 'start_failed'
  /** A server did not stop, even when killed. */
  | 'stop_failed';

/** The embedded PostgreSQL or Temporal can't do what was asked; the message says what to do. */
export class EmbeddedError extends Error {
  constructor(
    readonly code: EmbeddedErrorCode,
    message: string,
    options?: ErrorOptions,
  ) {
    super(message, options);
    this.name = 'EmbeddedError';
  }
}

/** The code of a failed system call (ENOENT), query (SQLSTATE) or command (exit code), as a string; undefined for any other error. */
export function systemCode(error: unknown): string | undefined {
  // by shape: errors of Node itself are no instances of Error where the code runs in a realm of its own, as in Jest
  if (typeof error !== 'object' || error === null || !('code' in error)) return undefined;
  return typeof error.code === 'string' || typeof error.code === 'number' ? String(error.code) : undefined;
}

/** What an error says, or its code where it says nothing (as one of several refused addresses). */
export function messageOf(error: unknown): string {
  const message = typeof error === 'object' && error !== null && 'message' in error ? String(error.message) : '';
  return message === '' ? (systemCode(error) ?? String(error)) : message;
}
