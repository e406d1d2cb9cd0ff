/**
 * The baseline for reading: a bare HTTP server that returns pages of the table of rows, in the API's shape and
 * nothing else.
 */
import { createServer } from 'node:http';
import { once } from 'node:events';
import type { AddressInfo } from 'node:net';
import pg from 'pg';
import { serveOrders } from '../../tests/harness/helper-process.js';

interface Row {
  execution_id: string;
  seq: number;
  output_type: string;
  content: string;
  timestamp: Date;
}

const pool = new pg.Pool({ connectionString: process.argv[2] });
let executionId: string;

const server = createServer((request, response) => {
  const { searchParams } = new URL(request.url ?? '', 'http://localhost');
  void answer(Number(searchParams.get('after')), Number(searchParams.get('limit'))).then((body) => response.end(body));
});

async function answer(after: number, limit: number): Promise<string> {
  const { rows } = await pool.query<Row>({
    name: 'page',
    text: 'SELECT * FROM line_row WHERE execution_id = $1 AND seq > $2 ORDER BY seq LIMIT $3',
    values: [executionId, after, limit],
  });
  return JSON.stringify({ entries: rows.map((row) => ({ id: row.seq, ...row })) });
}

serveOrders(
  {
    async listen(): Promise<string> {
      const { rows } = await pool.query<Row>('SELECT execution_id FROM line_row LIMIT 1');
      executionId = rows[0]?.execution_id ?? '';
      server.listen(0, '127.0.0.1');
      await once(server, 'listening');
      return `http://127.0.0.1:${(server.address() as AddressInfo).port}/`;
    },
  },
  async () => {
    server.close();
    await pool.end();
  },
);
