/** `hive attempts --watch`: follows the hive's feed of changes. */
import { setTimeout as sleep } from 'node:timers/promises';
import { bodyOf, isPassing, type Hive, type Schemas } from './api.js';
import { matches, type AttemptFilters } from './attempt-query.js';
import { ATTEMPT_COLUMNS, attemptRows } from './attempt-rows.js';
import { attemptLabel, linesText, statusText, type Attempt } from './attempt-text.js';
import { followEvents } from './follow-events.js';
import { listNodes, namesOf } from './find-node.js';
import { jsonLine } from './json-line.js';
import { openScreen, titleLine } from './screen.js';
import { tableLines } from './table.js';
import { write } from './write.js';

type Change = Schemas['Change'];

interface WatchOptions {
  filters: AttemptFilters;
  /** Gives the newest attempts, at most so many. */
  list: (limit: number) => Promise<Attempt[]>;
  nodes: Schemas['Node'][];
  json: boolean;
}

/** Changes that come together are drawn together. */
const DRAW_MS = 400;
/** Ages grow although nothing changes. */
const REDRAW_MS = 10_000;

/** Never ends by itself. */
export async function watchAttempts(hive: Hive, options: WatchOptions): Promise<void> {
  const query = { after: 'latest', limit: 1 };
  const { next_position: position } = await bodyOf(hive.api.GET('/v1/changes', { params: { query } }));
  const changes = followEvents(hive, { path: '/v1/changes/stream', after: String(position) });
  if (process.stdout.isTTY && !options.json) await drawChanges(hive, changes, options);
  else await printChanges(hive, changes, options);
}

type Changes = ReturnType<typeof followEvents>;

async function printChanges(hive: Hive, changes: Changes, { filters, nodes, json }: WatchOptions): Promise<void> {
  let nameOf = namesOf(nodes);
  for await (const { data } of changes) {
    const change = JSON.parse(data) as Change;
    const { attempt } = change;
    if (attempt && !matches(attempt, filters)) continue;
    if (json) await write(jsonLine(change));
    else if (!attempt) await write(`${change.attempt_id}  deleted\n`);
    else {
      if (!nodes.some(({ id }) => id === attempt.node_id)) nameOf = namesOf((nodes = await listNodes(hive)));
      const cells = [
        attempt.id,
        statusText(attempt),
        nameOf(attempt.node_id),
        linesText(attempt),
        attemptLabel(attempt),
      ];
      await write(`${cells.join('  ')}\n`);
    }
  }
}

async function drawChanges(hive: Hive, changes: Changes, { list, ...options }: WatchOptions): Promise<void> {
  let { nodes } = options;
  let attempts: Attempt[] = [];
  const draw = () => {
    const width = process.stdout.columns || 80;
    const rows = attemptRows(attempts.slice(0, screen.rows - 2), namesOf(nodes), true);
    const running = attempts.filter(({ status }) => status === 'running').length;
    const title = `${hive.address.url}  ${running} running  ${new Date().toTimeString().slice(0, 8)}  (Ctrl-C ends it)`;
    screen.draw([titleLine(title), ...tableLines(ATTEMPT_COLUMNS, rows, width)]);
  };
  const screen = openScreen(draw);
  let isStale = true;
  const redraw = setInterval(draw, REDRAW_MS);
  const refresh = async () => {
    for (;;) {
      if (isStale) {
        isStale = false;
        try {
          [attempts, nodes] = await Promise.all([list(screen.rows), listNodes(hive)]);
          draw();
        } catch (error) {
          if (!isPassing(error)) throw error;
          isStale = true; // the hive is away: what is shown stays
        }
      }
      await sleep(DRAW_MS);
    }
  };
  const follow = async () => {
    while (!(await changes.next()).done) isStale = true;
  };
  try {
    await Promise.race([refresh(), follow()]);
  } finally {
    clearInterval(redraw);
    screen.close();
  }
}
