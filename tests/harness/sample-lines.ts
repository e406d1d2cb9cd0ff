/** Log lines like those of agents: text from this project's own files, in pieces of about 120 bytes. */
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { projectRoot } from '../../workers/project-root.js';
import { encodeLine } from '../../protocol/page.js';

const LINE_BYTES = 120;
const FOLDERS = [
  'api',
  'activities',
  'backfills',
  'gateway',
  'node-agent',
  'prisma',
  'protocol',
  'workers',
  'workflows',
];
const START = Date.parse('2026-01-01T10:00:00Z');

let pieces: string[] | undefined;

/**
 * @returns the text of line `seq`. It repeats only after far more than gzip looks back, so it compresses like real
 * output.
 */
export function sampleText(seq: number): string {
  pieces ??= cut(readTexts(projectRoot()));
  // the number makes lines differ, like a time or a counter in real output
  return `[${seq}] ${pieces[seq % pieces.length] ?? ''}`;
}

/** @returns line `seq` as in a page */
export function sampleLine(seq: number): string {
  const timestamp = new Date(START + seq * 7).toISOString();
  return encodeLine({ output_type: seq % 16 === 0 ? 'stderr' : 'stdout', content: sampleText(seq), timestamp });
}

function readTexts(root: string): string {
  const files = FOLDERS.flatMap((folder) =>
    readdirSync(join(root, folder), { recursive: true, encoding: 'utf8' })
      .filter((name) => name.endsWith('.ts') && !name.includes('generated'))
      .toSorted()
      .map((name) => join(root, folder, name)),
  );
  return files.map((file) => readFileSync(file, 'utf8')).join('\n');
}

/** Joins whole lines until a piece has the wanted size, and cuts longer ones. */
function cut(text: string): string[] {
  const found: string[] = [];
  let piece = '';
  for (const line of text.split('\n')) {
    piece = piece === '' ? line.trim() : `${piece} ${line.trim()}`;
    if (piece.length < LINE_BYTES - 30) continue;
    found.push(piece.slice(0, LINE_BYTES + 40));
    piece = '';
  }
  return found;
}
