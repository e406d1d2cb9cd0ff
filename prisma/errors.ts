const TRANSIENT_PRISMA_CODES = new Set([
  'P1001', // can't reach the server
  'P1002', // reached, but timed out
  'P1008', // operation timed out
  'P1017', // server closed the connection
  'P2024', // no connection free in the pool
  'P2034', // write conflict or deadlock
  'P2037', // too many connections
]);
/** SQLSTATE classes: connection exception, transaction rollback, insufficient resources, operator intervention. */
const TRANSIENT_SQLSTATE = /^(08|40|53|57)/;
const TRANSIENT_SYSTEM_CODES = new Set([
  'ECONNREFUSED',
  'ECONNRESET',
  'EPIPE',
  'ETIMEDOUT',
  'ENOTFOUND',
  'EAI_AGAIN',
  'ENOENT',
]);
const TRANSIENT_MESSAGES =
  /connection terminated|connection ended|timeout exceeded when trying to connect|server has closed the connection|Client has encountered a connection error|DatabaseNotReachable|ConnectionClosed/i;

/**
 * @returns whether the database may well answer the same query later: it is away, restarting or overloaded, or it
 * preferred another transaction in a conflict
 */
export function isTransientDatabaseError(error: unknown): boolean {
  for (let cause = error, depth = 0; typeof cause === 'object' && cause !== null && depth < 6; depth++) {
    const { code, originalCode, kind, message, meta } = cause as Record<string, unknown>;
    for (const name of [code, originalCode]) {
      if (typeof name !== 'string') continue;
      if (TRANSIENT_PRISMA_CODES.has(name) || TRANSIENT_SYSTEM_CODES.has(name)) return true;
      if (/^[0-9A-Z]{5}$/.test(name) && !name.startsWith('P') && TRANSIENT_SQLSTATE.test(name)) return true;
    }
    if (typeof kind === 'string' && TRANSIENT_MESSAGES.test(kind)) return true;
    if (typeof message === 'string' && TRANSIENT_MESSAGES.test(message)) return true;
    const next =
      (cause as { cause?: unknown }).cause ??
      (meta as { driverAdapterError?: unknown } | undefined)?.driverAdapterError;
    cause = next;
  }
  return false;
}
