/**
 * What must be known about a new connection. A pooler such as PgBouncer gives each transaction any of its connections
 * to the server: what one of them has prepared, the next does not have.
 */
import type pg from 'pg';

/** Connections that go to the server itself, and so keep what they have prepared. */
const direct = new WeakSet<pg.ClientBase>();

/** The connection does not see the schema that DATABASE_URL asks for. */
class SchemaUnsetError extends Error {
  override readonly name = 'SchemaUnsetError';
  readonly code = 'schema_unset';
}

/**
 * Makes the pool's check of each new connection; the pool waits for what it returns. A connection goes to the server
 * itself if the server process that answers is the one that accepted it. A pooler accepts connections by itself, and
 * gives them numbers of its own.
 * @param schema the schema that the hive's tables are in, if it is not left to the role's search_path
 * @returns a function that rejects with SchemaUnsetError if statements would go to another schema
 */
export function connectionCheck(schema: string | undefined, answerMs: number): (client: pg.ClientBase) => unknown {
  const question = {
    text: 'SELECT pg_backend_pid() AS pid, current_schema() AS schema, current_user AS role',
    query_timeout: answerMs,
  };
  const ask = async (client: pg.ClientBase) => {
    const { rows } = await client.query<{ pid: number; schema: string | null; role: string }>(question);
    return rows[0];
  };
  return async (client) => {
    let answer = await ask(client);
    const isDirect = answer?.pid === (client as { processID?: unknown }).processID;
    if (isDirect) direct.add(client);
    if (schema === undefined) return;
    if (answer?.schema !== schema && isDirect) {
      // behind a pooler, others would get this connection's setting
      await client.query(`SET search_path = "${schema}"`);
      answer = await ask(client);
    }
    if (answer?.schema !== schema) throw schemaUnset(schema, answer?.role ?? '', isDirect);
  };
}

function schemaUnset(schema: string, role: string, isDirect: boolean): SchemaUnsetError {
  return new SchemaUnsetError(
    isDirect
      ? `there is no schema "${schema}", which DATABASE_URL asks for, or the role "${role}" may not use it`
      : `DATABASE_URL asks for the schema "${schema}", which can't be set through a pooler; run once: ` +
          `ALTER ROLE "${role}" SET search_path = "${schema}"`,
  );
}

/** @returns the statement as the connection can run it: behind a pooler without its name, so that it is not prepared */
export function forConnection(client: pg.ClientBase, statement: pg.QueryConfig): pg.QueryConfig {
  return direct.has(client) ? statement : { ...statement, name: undefined };
}
