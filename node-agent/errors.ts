export type NodeAgentErrorCode =
  | 'config'
  | 'usage'
  | 'store'
  | 'not_found'
  | 'hive'
  | 'line_too_large'
  | 'sealed'
  | 'forgotten'
  | 'running'
  | 'damaged'
  | 'service'
  | 'native_module';

/** A failure that a node-agent command expects: a code for programs, a sentence for people. */
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

/** @returns the message of whatever was thrown, without its stack */
export function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}

/** @returns a short name of a failure, free of data: its errno or SQLite code if it has one */
export function codeOf(error: unknown): string {
  if (error instanceof NodeAgentError && error.cause !== undefined) return codeOf(error.cause);
  // not by class: an addon's errors may be made of another realm's
  if (typeof error === 'object' && error !== null) {
    if ('sqliteCodeName' in error && typeof error.sqliteCodeName === 'string') return error.sqliteCodeName;
    if ('code' in error && typeof error.code === 'string') return error.code;
  }
  return error instanceof Error ? error.name : 'unknown';
}

/** @returns whether another process is writing to the store at the moment, so that waiting helps */
export function isBusy(error: unknown): boolean {
  return /^SQLITE_(BUSY|LOCKED)/.test(codeOf(error));
}

/** Errors of a disk or a system that others fill, too. */
const PASSING = ['ENOSPC', 'EDQUOT', 'EIO', 'EMFILE', 'ENFILE'];

/** @returns whether what is refused with this code now may be taken later, while a command runs */
export function mayPass(code: string): boolean {
  return PASSING.includes(code);
}

/** @returns whether the store is damaged: nothing but another store helps */
export function isDamage(error: unknown): boolean {
  if (error instanceof NodeAgentError && error.code === 'damaged') return true;
  return /^SQLITE_(CORRUPT|NOTADB)/.test(codeOf(error));
}
