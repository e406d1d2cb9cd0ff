type BackupErrorCode =
  /** The file is there already. */
  | 'file_exists'
  /** The file is no backup, is cut short, or has changed. */
  | 'damaged'
  /** A newer hivesync made the backup. */
  | 'newer'
  /** There is data where the backup should go. */
  | 'not_empty'
  /** The database has nothing that could be backed up. */
  | 'nothing_there';

/** A backup could not be made or restored; the message says what to do. */
export class BackupError extends Error {
  override readonly name = 'BackupError';
  constructor(
    readonly code: BackupErrorCode,
    message: string,
    options?: ErrorOptions,
  ) {
    super(message, options);
  }
}
