/** The baseline for storing lines: COPY into a plain table of rows. */
import { randomUUID } from 'node:crypto';
import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { from as copyFrom } from 'pg-copy-streams';
import type { LogLine } from '../../protocol/page.js';
import { sampleLine } from '../../tests/harness/sample-lines.js';
import type { Stage } from './stage.js';

const CHUNK_LINES = 1000;

/**
 * Copies the lines into a new table that replaces the last one.
 * @returns seconds, not counting the preparation of the lines
 */
export async function copyRows(stage: Stage, lines: number): Promise<number> {
  await stage.database.query(`
    DROP TABLE IF EXISTS line_row;
    CREATE TABLE line_row (
      execution_id uuid, seq int, output_type text NOT NULL, content text NOT NULL, timestamp timestamptz NOT NULL,
      PRIMARY KEY (execution_id, seq))`);
  const chunks = prepare(lines);
  const client = await stage.database.connect();
  try {
    const start = performance.now();
    await pipeline(Readable.from(chunks), client.query(copyFrom('COPY line_row FROM STDIN')));
    return (performance.now() - start) / 1000;
  } finally {
    client.release();
  }
}

/**
 * The rows in COPY's text format. A real program would have to make them from the node's lines; that is not counted.
 */
function prepare(lines: number): Buffer[] {
  const executionId = randomUUID();
  const chunks: Buffer[] = [];
  for (let first = 1; first <= lines; first += CHUNK_LINES) {
    const rows: string[] = [];
    for (let seq = first; seq < first + CHUNK_LINES && seq <= lines; seq++) {
      const { output_type: type, content, timestamp } = JSON.parse(sampleLine(seq)) as LogLine;
      rows.push(`${executionId}\t${seq}\t${type}\t${escape(content)}\t${timestamp}\n`);
    }
    chunks.push(Buffer.from(rows.join('')));
  }
  return chunks;
}

function escape(text: string): string {
  return text.replaceAll('\\', '\\\\').replaceAll('\t', '\\t').replaceAll('\n', '\\n').replaceAll('\r', '\\r');
}
