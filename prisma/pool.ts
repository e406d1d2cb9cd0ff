/**
 * The pool of connections. What one of them does is bounded at the server too, so that a hive that vanishes (frozen,
 * cut off, without power) leaves no lock and no busy connection behind for longer than a minute.
 */
import pg from 'pg';

/** How long each may last, in ms. The name of a field is that of PostgreSQL's setting. */
interface Bounds {
  statement_timeout: number;
  lock_timeout: number;
  idle_in_transaction_session_timeout: number;
}

/** The client gives up first, so that an error says how long it waited. */
const STATEMENT_GRACE_MS = 1000;
/** Far shorter than a statement may take: whoever waits for a lock has a connection that others need. */
const LOCK_MS = 2000;
/** Together with the longest statement before it: less than a minute. */
const IDLE_IN_TRANSACTION_MS = 15_000;

/**
 * What a server since PostgreSQL 14 can do besides: it ends a connection that nobody uses (the pool itself ends it after
 * 10 s), one whose peer is gone while a statement runs, and one whose peer reads nothing.
 */
const WATCH_CLIENT = {
  idle_session_timeout: 45_000,
  client_connection_check_interval: 10_000,
  tcp_keepalives_idle: 15,
  tcp_keepalives_interval: 5,
  tcp_keepalives_count: 4,
  tcp_user_timeout: 30_000,
};

/** How a server or pooler refuses a setting with which a connection starts. */
const REFUSES_SETTING = new Set(['0A000', '22023', '42501', '42704']);

type Connected = (error: Error | undefined, client: pg.PoolClient | undefined, done: () => void) => void;

/**
 * A pool whose connections start with bounds, as far as the server allows it. A pooler may refuse or drop them, so each
 * transaction sets its own again.
 */
export class BoundedPool extends pg.Pool {
  readonly #bounds: Bounds;
  /** libpq's `options` for a new connection, the ones with the most settings first. */
  readonly #starts: (string | undefined)[];

  /** @param answerMs how long a client waits for a statement's answer */
  constructor(config: pg.PoolConfig, { answerMs }: { answerMs: number }) {
    super(config);
    this.#bounds = {
      statement_timeout: answerMs + STATEMENT_GRACE_MS,
      lock_timeout: LOCK_MS,
      idle_in_transaction_session_timeout: IDLE_IN_TRANSACTION_MS,
    };
    const given = config.options ?? process.env['PGOPTIONS'];
    const start = (settings: object) => {
      const ours = Object.entries(settings).map(([name, value]) => `-c ${name}=${String(value)}`);
      return [...ours, given ?? ''].join(' ').trim(); // of two values, the last one counts
    };
    this.#starts = [start({ ...this.#bounds, ...WATCH_CLIENT }), start(this.#bounds), given];
    this.#startWith(this.#starts[0]);
  }

  override connect(): Promise<pg.PoolClient>;
  override connect(callback: Connected): void;
  override connect(callback?: Connected): Promise<pg.PoolClient> | undefined {
    const connected = this.#connect();
    if (!callback) return connected;
    connected.then(
      (client) => callback(undefined, client, (error?: Error) => client.release(error)),
      (error: unknown) => callback(error as Error, undefined, () => undefined),
    );
    return undefined;
  }

  /** @returns statements that bound a transaction, to be sent in one message with its BEGIN */
  boundsOf({ answerMs, lockMs }: { answerMs?: number; lockMs?: number }): string {
    const settings = Object.entries({
      ...this.#bounds,
      ...(answerMs !== undefined && { statement_timeout: answerMs + STATEMENT_GRACE_MS }),
      ...(lockMs !== undefined && { lock_timeout: lockMs }),
    });
    return settings.map(([name, ms]) => `SET LOCAL ${name} = ${ms}`).join('; ');
  }

  async #connect(): Promise<pg.PoolClient> {
    for (;;) {
      const { options } = this.options;
      try {
        return await super.connect();
      } catch (error) {
        const next = this.#starts.indexOf(options) + 1;
        if (next === this.#starts.length || !refusesSetting(error)) throw error;
        if (options === this.options.options) this.#startWith(this.#starts[next]); // or another call has done so
      }
    }
  }

  #startWith(options: string | undefined): void {
    Object.assign(this.options, { options });
  }
}

function refusesSetting(error: unknown): boolean {
  const { code, message } = error as { code?: unknown; message?: unknown };
  if (code === '08P01') return /startup parameter/i.test(String(message)); // PgBouncer has this code for all its errors
  return typeof code === 'string' && REFUSES_SETTING.has(code);
}
