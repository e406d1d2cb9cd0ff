/**
 * What `connect` leaves beside the store for `status`: since when it runs, its last connection and its last error. A file
 * and not a table, so that it is there for a store that cannot be opened, and costs the recorders no transaction.
 */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { z } from 'zod';
import { replaceFile } from './private-file.js';

export const CONNECTION_FILE = 'connection.json';

const time = z.string().nullable();

const connectionRecord = z.object({
  pid: z.number(),
  version: z.string(),
  hive_url: z.string(),
  started_at: z.string(),
  /** null while it runs, and if it was killed. */
  stopped_at: time,
  /** null while there is no connection. */
  connected_since: time,
  last_connected_at: time,
  last_error: z.object({ at: z.string(), reason: z.string() }).nullable(),
  /** The last automatic prune. */
  last_prune: z.object({ at: z.string(), outcome: z.string() }).nullable(),
});
export type ConnectionRecord = z.infer<typeof connectionRecord>;

/** @returns undefined if no `connect` ever ran here, or if the file is damaged */
export function readConnectionRecord(dataDir: string): ConnectionRecord | undefined {
  try {
    return connectionRecord.safeParse(JSON.parse(readFileSync(join(dataDir, CONNECTION_FILE), 'utf8'))).data;
  } catch {
    return undefined;
  }
}

/** @throws Error if the disk refuses it */
export function writeConnectionRecord(dataDir: string, record: ConnectionRecord): void {
  replaceFile(join(dataDir, CONNECTION_FILE), `${JSON.stringify(record)}\n`);
}
