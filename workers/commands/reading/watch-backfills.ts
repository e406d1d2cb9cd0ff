/** `hive backfills --watch`: asks again and again, as nothing tells of backfills when they change. */
import { setTimeout as sleep } from 'node:timers/promises';
import { bodyOf, isPassing, type Hive, type Schemas } from './api.js';
import { BACKFILL_COLUMNS, backfillRow, outcomeOf, type Progress } from './backfill-rows.js';
import { jsonLine } from './json-line.js';
import { openScreen, titleLine } from './screen.js';
import { tableLines } from './table.js';
import { write } from './write.js';

type ListedBackfill = Schemas['ListedBackfill'];

interface WatchOptions {
  list: () => Promise<ListedBackfill[]>;
  nodeName: (id: string) => string;
  json: boolean;
}

const POLL_MS = 1_000;
/** Of those that run, how far each is takes a request. */
const MOST_PROGRESS = 20;

/** Never ends by itself. */
export async function watchBackfills(hive: Hive, options: WatchOptions): Promise<void> {
  await (process.stdout.isTTY && !options.json ? drawBackfills(hive, options) : printBackfills(options));
}

/** A backfill is told when it starts and when it has ended. */
async function printBackfills({ list, nodeName, json }: WatchOptions): Promise<void> {
  let told = new Map<string, string>();
  for (;;) {
    const backfills = (await whileAway(list)) ?? [];
    for (const backfill of backfills.reverse()) {
      if (told.get(backfill.run_id) === backfill.status) continue;
      if (json) await write(jsonLine(backfill));
      else {
        const { attempt_id: id, node_id: node, trigger } = backfill;
        const cells = [id, outcomeOf(backfill), trigger ?? '-', node === null ? '-' : nodeName(node)];
        await write(`${cells.join('  ')}\n`);
      }
    }
    told = new Map([...[...told].slice(-10_000), ...backfills.map(({ run_id, status }) => [run_id, status] as const)]);
    await sleep(POLL_MS);
  }
}

async function drawBackfills(hive: Hive, { list, nodeName }: WatchOptions): Promise<void> {
  let backfills: ListedBackfill[] = [];
  let progress = new Map<string, Progress>();
  const draw = () => {
    const running = backfills.filter(({ ended_at: end }) => end === null).length;
    const title = `${hive.address.url}  ${running} of these run  ${new Date().toTimeString().slice(0, 8)}  (Ctrl-C ends it)`;
    const shown = backfills.slice(0, screen.rows - 2);
    const rows = shown.map((backfill) => backfillRow(backfill, nodeName, true, progress.get(backfill.run_id)));
    screen.draw([titleLine(title), ...tableLines(BACKFILL_COLUMNS, rows, process.stdout.columns || 80)]);
  };
  const screen = openScreen(draw);
  try {
    for (;;) {
      backfills = (await whileAway(list)) ?? backfills;
      const running = backfills.filter(({ ended_at: end }) => end === null).slice(0, MOST_PROGRESS);
      progress = new Map((await Promise.all(running.map((backfill) => progressOf(hive, backfill)))).flat());
      draw();
      await sleep(POLL_MS);
    }
  } finally {
    screen.close();
  }
}

async function progressOf(
  { api }: Hive,
  { attempt_id: id, run_id: runId }: ListedBackfill,
): Promise<[string, Progress][]> {
  const newest = await whileAway(() =>
    bodyOf(api.GET('/v1/backfills/{attempt_id}', { params: { path: { attempt_id: id } } })),
  );
  return newest?.progress && newest.run_id === runId ? [[runId, newest.progress]] : [];
}

/** @returns undefined if the hive is away or busy */
async function whileAway<T>(asking: () => Promise<T>): Promise<T | undefined> {
  try {
    return await asking();
  } catch (error) {
    if (isPassing(error)) return undefined;
    throw error;
  }
}
