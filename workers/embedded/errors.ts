export type EmbeddedErrorCode =
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

/** The code of a failed system call, as ENOENT; undefined for any other error. */
export function systemCode(error: unknown): string | undefined {
  return error instanceof Error && 'code' in error && typeof error.code === 'string' ? error.code : undefined;
}
