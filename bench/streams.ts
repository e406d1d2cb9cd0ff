/**
 * Two hundred readers follow one running execution, and one more reads nothing: what they get, and the hive's memory.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import { printFigure, progress } from './lib/figures.js';
import type { LiveNodes } from './lib/live-nodes-process.js';
import { forgetPeak, peakKib, residentKib } from './lib/process-usage.js';
import type { StreamReaders, StreamsSeen } from './lib/stream-readers-process.js';
import type { RunningHive, Stage } from './lib/stage.js';

const READERS = 200;

export async function streams(stage: Stage, { quick }: { quick: boolean }): Promise<void> {
  const seconds = quick ? 10 : 100;
  const linesPerSecond = quick ? 200 : 500;
  const hive = await stage.startHive();
  const node = stage.startHelper('bench/lib/live-nodes-process');
  const start: LiveNodes = {
    url: hive.url.replace(/^http/, 'ws'),
    keys: await stage.newKeys(1),
    linesPerSecond,
  };
  const [attemptId = ''] = await node.ask<string[]>('start', start);
  const known = "SELECT count(*)::int AS n FROM execution WHERE status = 'running'";
  await stage.until(async () => (await stage.row<{ n: number }>(known)).n === 1);
  await sleep(3000);
  const idleKib = residentKib(hive.pid);
  forgetPeak(hive.pid);

  const readers = stage.startHelper('bench/lib/stream-readers-process');
  const request: StreamReaders = {
    url: `${hive.url}/v1/swarm/attempts/${attemptId}/logs/stream`,
    authorization: stage.authorization['authorization'] ?? '',
    readers: READERS,
  };
  await node.ask('print');
  await readers.ask('readNothing', request);
  await readers.ask('read', request);
  const end = Date.now() + seconds * 1000;
  while (Date.now() < end && (await cutOff(hive)) === 0) await sleep(200);
  // a reader that was cut off has two seconds to fetch the reason
  const isTold = (await readers.ask<string>('readIdle')).includes('event: cut_off');
  if (!isTold && !quick) throw new Error('the reader that reads nothing was not told why it was cut off');
  await sleep(Math.max(0, end - Date.now()));
  await node.ask('stop');
  const printed = await node.ask<number>('printed');
  let seen: StreamsSeen | undefined;
  await stage.until(async () => (seen = await readers.ask<StreamsSeen>('look')).fewest >= printed);
  if (seen?.most !== printed || seen.outOfOrder > 0) {
    throw new Error(`of ${printed} lines readers saw ${JSON.stringify(seen)}`);
  }
  const peakMib = peakKib(hive.pid) / 1024;
  progress(`streams: ${READERS} readers got ${printed} lines each, once and in order`);
  const figure = { benchmark: 'streams', baseline: null, goal: null };
  printFigure({ ...figure, metric: 'readers_with_every_line', unit: 'readers', value: READERS });
  printFigure({ ...figure, metric: 'cut_off', unit: 'readers', value: await cutOff(hive), note: 'one reads nothing' });
  const note = 'before the first reader';
  printFigure({ ...figure, metric: 'hive_peak_memory', unit: 'MiB', value: peakMib, baseline: idleKib / 1024, note });
}

async function cutOff(hive: RunningHive): Promise<number> {
  const metrics = await (await fetch(`${hive.url}/metrics`)).text();
  return Number(/^log_streams_cut_off_total (\d+)/m.exec(metrics)?.[1]);
}
