/** What an error of the database means: one table for SQLSTATEs, Prisma's codes and the network's. */

/**
 * `passing`: the same statement may well succeed later, perhaps after an operator has mended something; `refused`: what
 * was to be stored can't be; `fault`: a fault of the hive or a damaged database.
 */
export type DatabaseErrorKind = 'passing' | 'refused' | 'fault';

export interface DatabaseVerdict {
  kind: DatabaseErrorKind;
  /** SQLSTATE, or the code of Prisma or the network. */
  code: string;
  /** For people. Quotes nothing of the error. */
  meaning: string;
}

type Entry = readonly [DatabaseErrorKind, string];

const UNREACHABLE: Entry = ['passing', 'the database cannot be reached'];
const SLOW: Entry = ['passing', 'the database did not answer in time'];
const CREDENTIALS: Entry = ['passing', "the database refuses the hive's credentials"];
const NO_DATABASE: Entry = ['passing', 'the database does not exist'];
const OLD_SCHEMA: Entry = ['passing', 'the database lacks a table or column of this version; run `hive migrate`'];
const CONFLICT: Entry = ['passing', 'the database preferred another transaction'];
const NO_CONNECTION_FREE: Entry = ['passing', 'the database has no connection free'];
const OUT_OF_STEP: Entry = ['passing', 'a prepared statement is out of step with its connection'];
const DATA: Entry = ['refused', 'the data cannot be stored'];
const FAULT: Entry = ['fault', 'the database reports an unexpected error'];

/** By SQLSTATE, or by its class, the first two characters. */
const SQLSTATES: Record<string, Entry> = {
  '08': UNREACHABLE,
  '22': DATA,
  '23': DATA,
  '25006': ['passing', 'the database is read-only'],
  '25P03': SLOW, // the transaction's connection was idle for too long: the hive stood still
  '25P04': SLOW,
  '26000': OUT_OF_STEP,
  '28': CREDENTIALS,
  '3D000': NO_DATABASE,
  '3F000': OLD_SCHEMA,
  '40': CONFLICT,
  '42501': ['passing', 'the database role lacks a right that the hive needs'],
  '42703': OLD_SCHEMA,
  '42704': OLD_SCHEMA,
  '42883': OLD_SCHEMA,
  '42P01': OLD_SCHEMA,
  '42P05': OUT_OF_STEP,
  '53': ['passing', 'the database is out of resources'],
  '53100': ['passing', "the database's disk is full"],
  '53300': NO_CONNECTION_FREE,
  '54': DATA,
  '55000': ['passing', 'the database accepts no connections'],
  '55006': ['passing', 'something in the database is in use'],
  '55P03': ['passing', 'something in the database is locked for too long'],
  '57': ['passing', 'the database is starting, stopping or ending connections'],
  '57014': SLOW,
  '58': ['passing', 'the database cannot read or write its files'],
};

const OTHER_CODES: Record<string, Entry> = {
  ECONNREFUSED: UNREACHABLE,
  ECONNRESET: UNREACHABLE,
  EPIPE: UNREACHABLE,
  ENOTFOUND: UNREACHABLE,
  EAI_AGAIN: UNREACHABLE,
  ENOENT: UNREACHABLE, // of a socket's path
  EHOSTUNREACH: UNREACHABLE,
  ENETUNREACH: UNREACHABLE,
  ETIMEDOUT: SLOW,
  schema_unset: ['passing', 'the connection does not see the schema that DATABASE_URL names'],
  P1000: CREDENTIALS,
  P1001: UNREACHABLE,
  P1002: SLOW,
  P1003: NO_DATABASE,
  P1008: SLOW,
  P1010: CREDENTIALS,
  P1017: UNREACHABLE,
  P2000: DATA,
  P2002: DATA,
  P2003: DATA,
  P2021: OLD_SCHEMA,
  P2022: OLD_SCHEMA,
  P2024: NO_CONNECTION_FREE,
  P2034: CONFLICT,
  P2037: NO_CONNECTION_FREE,
};

/** The drivers have no codes for these. */
const LOST_CONNECTION =
  /connection terminated|connection ended|timeout exceeded when trying to connect|server has closed the connection|Client has encountered a connection error|DatabaseNotReachable|ConnectionClosed/i;

const SQLSTATE = /^(?=.*\d)[0-9A-Z]{5}$/;
const PRISMA_CODE = /^P[1-9]/;
const MAX_CAUSES = 6;

/** @returns what the error means; undefined if it is not the database's */
export function judgeDatabaseError(error: unknown): DatabaseVerdict | undefined {
  for (let cause = error, depth = 0; typeof cause === 'object' && cause !== null && depth < MAX_CAUSES; depth++) {
    const fields = cause as Record<string, unknown>;
    for (const code of [fields['code'], fields['originalCode']]) {
      const entry = typeof code === 'string' ? entryOf(code, fields) : undefined;
      if (entry) return { kind: entry[0], code: String(code), meaning: entry[1] };
    }
    for (const text of [fields['kind'], fields['message']]) {
      if (typeof text !== 'string' || !LOST_CONNECTION.test(text)) continue;
      return { kind: 'passing', code: 'connection_lost', meaning: UNREACHABLE[1] };
    }
    const meta = fields['meta'] as { driverAdapterError?: unknown } | undefined;
    cause = fields['cause'] ?? meta?.driverAdapterError;
  }
  return undefined;
}

/** @returns undefined if the code says nothing; the cause may */
function entryOf(code: string, { routine }: Record<string, unknown>): Entry | undefined {
  const other = OTHER_CODES[code];
  if (other) return other;
  if (!SQLSTATE.test(code) || PRISMA_CODE.test(code)) return undefined;
  // "cached plan must not change result type": a migration has changed the table since the statement was prepared
  if (code === '0A000' && routine === 'RevalidateCachedQuery') return OUT_OF_STEP;
  return SQLSTATES[code] ?? SQLSTATES[code.slice(0, 2)] ?? FAULT;
}

/**
 * @returns whether the database may well answer the same query later: it is away, restarting, read-only or overloaded,
 * it preferred another transaction in a conflict, or an operator has to mend something
 */
export function isTransientDatabaseError(error: unknown): boolean {
  return judgeDatabaseError(error)?.kind === 'passing';
}

/** @returns whether another transaction has locked what was asked for, longer than the statement may wait */
export function isLocked(error: unknown): boolean {
  return judgeDatabaseError(error)?.code === '55P03';
}
