/**
 * A search in all attempts of an organisation: 20,000,000 lines in 20,000 executions, indexed by the hive's own
 * schedule. The pages are made here and stored by COPY.
 */
import { randomUUID } from 'node:crypto';
import { Agent } from 'node:http';
import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { from as copyFrom } from 'pg-copy-streams';
import { encodePageSync } from '../protocol/page.js';
import { agentLine } from './lib/agent-lines.js';
import { median, printFigure, progress } from './lib/figures.js';
import type { Stage } from './lib/stage.js';

const LINES = 1000;
const RARE = { line: 500, token: 'deadlock7f3a9c21' };
/** Pages that are made; each is stored under several executions. */
const DIFFERENT_PAGES = 2000;
const SEARCHES = 7;

interface Answer {
  attempts: { matches: number }[];
  complete: boolean;
  looked_through: { pages: number; of: number };
}

export async function searchAll(stage: Stage, { quick }: { quick: boolean }): Promise<void> {
  const executions = quick ? 1000 : 20_000;
  const hive = await stage.startHive({ HIVE_RECONCILE_INTERVAL_SECONDS: '5' });
  progress(`search-all: storing ${executions * LINES} lines in ${executions} executions`);
  await store(stage, executions, quick ? 200 : DIFFERENT_PAGES);
  const started = performance.now();
  const backlog = 'SELECT count(*)::int AS n FROM page_filter';
  await stage.until(async () => (await stage.row<{ n: number }>(backlog)).n === executions, 1_800_000, 1000);
  const seconds = (performance.now() - started) / 1000;
  await stage.database.query('VACUUM ANALYZE');
  const figure = { benchmark: 'search-all', baseline: null, goal: null };
  const note = 'by the schedule, 20 s of each round';
  printFigure({
    ...figure,
    metric: 'indexed_lines_per_second',
    unit: 'lines/s',
    value: (executions * LINES) / seconds,
    note,
  });
  const sizes = await stage.row<{ pages: number; gzip: number; index: number }>(`
    SELECT pg_total_relation_size('page_filter')::float8 AS index, pg_total_relation_size('log_page')::float8 AS pages,
           (SELECT sum(octet_length(gzip)) FROM log_page)::float8 AS gzip`);
  printFigure({
    ...figure,
    metric: 'index_bytes',
    unit: 'MiB',
    value: sizes.index / 2 ** 20,
    baseline: sizes.gzip / 2 ** 20,
    goal: 'ratio <= 0.08',
    note: 'on disk, with its key; baseline: the gzip of the pages',
  });
  const agent = new Agent({ keepAlive: true });
  for (const [metric, query, goal] of [
    ['rare_token', `q=${RARE.token}`, 'value <= 2'],
    ['token_nowhere', 'q=nowhere', 'value <= 1'],
    ['first_of_common_word', 'q=scheduler&limit=1', null],
    ['rare_token_as_text', `q=${RARE.token.slice(2)}&match=text&wait_ms=2000`, null],
  ] as const) {
    const times: number[] = [];
    const opened: number[] = [];
    let answer: Answer | undefined;
    for (let search = 0; search < SEARCHES; search++) {
      stage.signal.throwIfAborted();
      const before = await openedPages(hive.url);
      const start = performance.now();
      answer = JSON.parse(
        await stage.get(agent, `${hive.url}/v1/search?${query}${metric === 'token_nowhere' ? search : ''}`),
      ) as Answer;
      if (search > 0) times.push((performance.now() - start) / 1000);
      opened.push((await openedPages(hive.url)) - before);
    }
    if (!answer) return;
    const found = { attempts: answer.attempts.length, looked_through: answer.looked_through };
    if (metric === 'rare_token' && (found.attempts !== 1 || !answer.complete)) throw new Error(JSON.stringify(found));
    if (metric === 'token_nowhere' && (found.attempts !== 0 || !answer.complete))
      throw new Error(JSON.stringify(found));
    printFigure({
      ...figure,
      metric: `${metric}_seconds`,
      unit: 's',
      value: median(times),
      goal,
      note: JSON.stringify(found),
    });
    printFigure({
      ...figure,
      metric: `${metric}_opened_pages`,
      unit: 'pages',
      value: Math.max(...opened),
      baseline: executions,
      goal: metric === 'rare_token' || metric === 'token_nowhere' ? 'ratio <= 0.05' : null,
    });
  }
  agent.destroy();
}

async function openedPages(url: string): Promise<number> {
  const text = await (await fetch(`${url}/metrics`)).text();
  return Number(/^searched_pages_total (\d+)/m.exec(text)?.[1] ?? 0);
}

/** Stores attempts of one execution of one page each; one of the pages has the rare token. */
async function store(stage: Stage, executions: number, differentPages: number): Promise<void> {
  const { database } = stage;
  const nodeId = randomUUID();
  await database.query(
    `INSERT INTO node (id, organization_id, name, machine_id, protocol_version, capabilities, updated_at)
     SELECT $1::uuid, id, 'bench', $1::text, 2, '{}', now() FROM organization WHERE name = 'default'`,
    [nodeId],
  );
  const pages: { gzip: Buffer; rawBytes: number }[] = [];
  for (let page = 0; page < differentPages; page++) pages.push(makePage(page, ''));
  const rare = makePage(differentPages, ` ${RARE.token}`);
  progress('search-all: pages are made');
  await database.query(
    `WITH made AS (
       INSERT INTO attempt (id, organization_id, node_id, revision, described_revision, execution_count, executor, created_at, metadata)
       SELECT gen_random_uuid(), o.id, $1::uuid, 1, 1, 1, 'SHELL', now() - n * interval '1 minute',
              '{"revision":1,"execution_count":1,"executor":"SHELL","branch":"main","target_branch":"main","worktree_deleted":false,"created_at":"2026-01-01T10:00:00Z","updated_at":"2026-01-01T10:00:00Z"}'
       FROM generate_series(1, $2::int) n, organization o WHERE o.name = 'default' RETURNING id, node_id, created_at
     ), synced AS (
       INSERT INTO attempt_sync (attempt_id, node_id, state, attempt_created_at) SELECT id, node_id, 'complete', created_at FROM made
     )
     INSERT INTO execution (id, attempt_id, node_id, ordinal, revision, status, declared_lines, log_epoch, stored_lines, stored_epoch, stdout_lines, created_at, metadata)
     SELECT gen_random_uuid(), id, node_id, 1, 1, 'running', $3::int, 0, $3::int, 0, $3::int, created_at, '{}' FROM made`,
    [nodeId, executions, LINES],
  );
  const { rows } = await database.query<{ id: string }>('SELECT id FROM execution ORDER BY id');
  const ofAll = function* () {
    for (const [at, { id }] of rows.entries()) {
      const page = at === Math.floor(executions / 2) ? rare : pages[at % pages.length];
      if (!page) return;
      const hex = page.gzip.toString('hex');
      yield `${id}\t0\t1\t${LINES}\t${LINES}\t0\t0\t${page.rawBytes}\t\\\\x${hex}\n`;
    }
  };
  const client = await database.connect();
  try {
    const columns =
      'execution_id, log_epoch, first_seq, last_seq, stdout_lines, stderr_lines, system_lines, raw_bytes, gzip';
    await pipeline(Readable.from(ofAll()), client.query(copyFrom(`COPY log_page (${columns}) FROM STDIN`)));
  } finally {
    client.release();
  }
  // the schedule must not find them without their pages
  await database.query("UPDATE execution SET status = 'completed'");
  await database.query('VACUUM ANALYZE');
}

function makePage(page: number, rare: string): { gzip: Buffer; rawBytes: number } {
  const lines = Array.from({ length: LINES }, (_, at) => agentLine(page, at + 1, at + 1 === RARE.line ? rare : ''));
  const ndjson = lines.join('\n');
  return { gzip: encodePageSync(ndjson), rawBytes: Buffer.byteLength(ndjson) + 1 };
}
