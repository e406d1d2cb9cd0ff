/** An edit as the lines of a diff. */
import { structuredPatch } from 'diff';
import type { Hunk } from './items.js';
import type { Edit } from './tool-look.js';

export interface DiffLine {
  kind: 'same' | 'removed' | 'added' | 'hunk';
  text: string;
}

/** More changes than this are not compared: the old text is shown as removed, the new one as added. */
const MAX_EDIT_LENGTH = 1500;
const MAX_COMPARED = 200_000;
const CONTEXT_LINES = 3;

export function diffLines({ before, after }: Edit): DiffLine[] {
  if (before === '') return lines('added', after);
  if (after === '') return lines('removed', before);
  if (before.length + after.length > MAX_COMPARED) return [...lines('removed', before), ...lines('added', after)];
  const patch = structuredPatch('', '', before, after, '', '', {
    context: CONTEXT_LINES,
    maxEditLength: MAX_EDIT_LENGTH,
  });
  if (!patch) return [...lines('removed', before), ...lines('added', after)];
  return hunkLines(patch.hunks, false);
}

/** @param hasNumbers whether the hunks know their place in the file */
export function hunkLines(hunks: readonly Hunk[], hasNumbers = true): DiffLine[] {
  return hunks.flatMap(({ oldStart, newStart, lines: inner }, index): DiffLine[] => {
    const place = hasNumbers ? `line ${newStart}${oldStart === newStart ? '' : `, formerly ${oldStart}`}` : '…';
    const isFirst = index === 0 && !hasNumbers;
    return [...(isFirst ? [] : [{ kind: 'hunk' as const, text: place }]), ...inner.map(lineOf)];
  });
}

/** A diff that somebody else wrote. */
export function patchLines(patch: string): DiffLine[] {
  return split(patch).map((line) =>
    /^(@@|\*\*\*|---|\+\+\+|diff |index )/.test(line) ? { kind: 'hunk', text: line } : lineOf(line),
  );
}

const KINDS: Readonly<Record<string, DiffLine['kind'] | undefined>> = { '+': 'added', '-': 'removed' };

function lineOf(line: string): DiffLine {
  const kind = KINDS[line.charAt(0)];
  if (kind) return { kind, text: line.slice(1) };
  return { kind: 'same', text: line.startsWith(' ') ? line.slice(1) : line };
}

const lines = (kind: DiffLine['kind'], given: string): DiffLine[] => split(given).map((line) => ({ kind, text: line }));

function split(given: string): string[] {
  const all = given.split(/\r?\n/);
  if (all.at(-1) === '') all.pop();
  return all;
}

/** @returns how many lines were added and removed */
export function countChanges(all: readonly DiffLine[]): { added: number; removed: number } {
  const count = (kind: DiffLine['kind']) => all.filter((line) => line.kind === kind).length;
  return { added: count('added'), removed: count('removed') };
}
