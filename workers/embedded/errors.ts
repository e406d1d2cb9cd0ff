type EmbeddedErrorCode =
  /** Another running hive owns the data directory. */
  | 'data_dir_in_use'
  /** The data directory can't be created, read or written. */
  | 'data_dir_unusable'
  /** A configured port is taken. */
  | 'port_in_use'
  /** Another process took a port between its choice and the server's start. */
  | 'port_lost'
  /** There is no server executable, and none could be obtained. */
  | 'executable_missing'
  /** There is no user to run PostgreSQL as. */
  | 'postgres_user'
  /** The database is of another major version of PostgreSQL. */
  | 'other_postgres'
  /** A server did not become ready. */
  | 'start_failed'
  /** A server did not stop, even when killed. */
  | 'stop_failed';

/** Something is wrong with the embedded PostgreSQL or Temporal; the message says what to do. */
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

/**
 * @returns the code of a failed system call (ENOENT), query (SQLSTATE) or command (exit code), as a string; undefined
 * if it is any other error
 */
export function systemCode(error: unknown): string | undefined {
  // by shape: Node's own errors are not instances of Error if this code runs in another realm, as in Jest
  if (typeof error !== 'object' || error === null || !('code' in error)) return undefined;
  return typeof error.code === 'string' || typeof error.code === 'number' ? String(error.code) : undefined;
}

/** @returns the error's message, or its code if the message is empty (as when several addresses refuse) */
export function messageOf(error: unknown): string {
  const message = typeof error === 'object' && error !== null && 'message' in error ? String(error.message) : '';
  return message === '' ? (systemCode(error) ?? String(error)) : message;
}
