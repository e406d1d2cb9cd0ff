/**
 * The command that chaos records. Prints what its specification (first argument, JSON) says, and appends to a file
 * (second argument) how much it had printed at which time. From that, it is known what a killed recorder lost.
 */
import { appendFileSync, writeSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import { printedLines, type OutputSpec } from './lines.js';

const TURN_MS = 50;

export interface Progress {
  /** In ms since the epoch, by the machine's clock, even if the node's clock is shifted. */
  at: number;
  lines: number;
}

const spec = JSON.parse(process.argv[2] ?? '') as OutputSpec;
const progressFile = process.argv[3] ?? '';
const perTurn = spec.linesPerSecond === 0 ? 2000 : Math.max(1, Math.round((spec.linesPerSecond * TURN_MS) / 1000));

const waiting = { stdout: [] as Buffer[], stderr: [] as Buffer[] };
let printed = 0;
for (const { stream, bytes } of printedLines(spec)) {
  printed++;
  const isLast = printed === spec.lines;
  waiting[stream].push(bytes, Buffer.from(isLast && !spec.finalNewline ? '' : '\n'));
  if (printed % perTurn !== 0 && !isLast) continue;
  print(1, waiting.stdout);
  print(2, waiting.stderr);
  appendFileSync(
    progressFile,
    `${JSON.stringify({ at: performance.timeOrigin + performance.now(), lines: printed } satisfies Progress)}\n`,
  );
  if (spec.linesPerSecond > 0) await sleep(TURN_MS);
}

function print(fd: number, parts: Buffer[]): void {
  let rest = Buffer.concat(parts.splice(0));
  try {
    while (rest.length > 0) rest = rest.subarray(writeSync(fd, rest));
  } catch {
    process.exit(1); // the recorder is gone
  }
}
