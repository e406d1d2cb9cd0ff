/** What a recorded command prints. Only its specification decides that, so that the output is known afterwards. */
import { MAX_LINE_BYTES } from '../../protocol/limits.js';
import { Random } from './random.js';

export interface OutputSpec {
  /** Appears in every line, so that a misplaced line shows where it came from. */
  tag: string;
  seed: number;
  lines: number;
  /** 0 means as fast as the reader takes them. */
  linesPerSecond: number;
  finalNewline: boolean;
  /** One line of 1.2 MiB, which the node has to split. */
  hugeLine: boolean;
}

export interface PrintedLine {
  stream: 'stdout' | 'stderr';
  /** Without the newline. */
  bytes: Buffer;
}

const WORDS = [
  'build',
  'žluťoučký kůň',
  '測試',
  '🐝🐝',
  'ok',
  '\u001b[32mpassed\u001b[0m',
  '\t"quoted" \\ back',
  '\r',
  'ß',
];

/** @returns the lines in the order of printing. Each contains its number within its stream. */
export function* printedLines(spec: OutputSpec): Generator<PrintedLine> {
  const random = new Random(spec.seed);
  const count = { stdout: 0, stderr: 0 };
  const hugeAt = spec.hugeLine ? random.whole(1, spec.lines) : 0;
  for (let line = 1; line <= spec.lines; line++) {
    const stream = random.chance(0.15) ? 'stderr' : 'stdout';
    const start = `${spec.tag} ${stream} ${++count[stream]} `;
    yield { stream, bytes: line === hugeAt ? hugeLine(start) : lineOf(start, random) };
  }
}

function lineOf(start: string, random: Random): Buffer {
  const kind = random.next();
  if (kind < 0.0005) return Buffer.from(start + 'x'.repeat(random.whole(10_000, 100_000)));
  if (kind < 0.002) return Buffer.concat([Buffer.from(start), Buffer.from([0xff, 0xc3, 0x28, 0x00])]);
  const words = Array.from({ length: random.whole(1, 8) }, () => random.pick(WORDS));
  return Buffer.from(start + words.join(' '));
}

function hugeLine(start: string): Buffer {
  return Buffer.from(start + 'y'.repeat(Math.round(MAX_LINE_BYTES * 1.2)));
}

/** @returns the contents that the node has to record for one stream, its partial lines joined */
export function recordedContents(spec: OutputSpec, stream: 'stdout' | 'stderr'): string[] {
  return [...printedLines(spec)].filter((line) => line.stream === stream).map(({ bytes }) => bytes.toString('utf8'));
}
