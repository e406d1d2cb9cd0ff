/**
 * The style in force where a line begins. It is carried from segment to segment as far as what is loaded hangs together,
 * and what is loaded for a jump begins LOOK_BACK lines before what is shown (line-loader.ts). So a colour that was begun
 * up to that many lines before is right at once; one begun earlier and never ended, which only a terminal left in a bad
 * state has, comes when the lines before are loaded.
 * Standard output and standard error have a style each, because their lines are mixed by chance.
 */
import { styleAfter } from './ansi/terminal-line.js';
import { PLAIN, type Style } from './ansi/style.js';
import type { Line } from './line.js';
import type { LineStore, Segment } from './line-store.js';

interface StreamStyles {
  stdout: Style;
  stderr: Style;
}

interface SegmentStyles {
  entry: StreamStyles;
  exit: StreamStyles;
  /** How many lines it is about: a segment at the end grows. */
  lines: number;
  /** The style that a line begins with, by its number, if it is not plain. */
  styled: Map<number, Style>;
}

/** They go with their segments when these are dropped. */
const known = new WeakMap<Segment, SegmentStyles>();

const UNSTYLED: StreamStyles = { stdout: PLAIN, stderr: PLAIN };

export function styleBefore(store: LineStore, line: Line): Style {
  const segment = store.covering(line.seq);
  if (!segment || line.type === 'system') return PLAIN;
  return stylesOf(store, segment).styled.get(line.seq) ?? PLAIN;
}

function stylesOf(store: LineStore, segment: Segment): SegmentStyles {
  let exit: StreamStyles = UNSTYLED;
  let styles: SegmentStyles | undefined;
  for (const next of connected(store, segment)) {
    styles = refreshed(next, exit);
    exit = styles.exit;
  }
  return styles ?? refreshed(segment, UNSTYLED);
}

/** @returns the segments that lead to this one without a hole, and this one */
function connected(store: LineStore, segment: Segment): readonly Segment[] {
  const { segments } = store;
  const last = segments.indexOf(segment);
  let first = last;
  while (first > 0 && segments[first - 1]?.to === (segments[first]?.from ?? 0) - 1) first--;
  return segments.slice(first, last + 1);
}

function refreshed(segment: Segment, entry: StreamStyles): SegmentStyles {
  const former = known.get(segment);
  const isSame = former?.entry.stdout === entry.stdout && former.entry.stderr === entry.stderr;
  if (former && isSame && former.lines === segment.lines.length) return former;
  const begun: SegmentStyles =
    former && isSame ? former : { entry, exit: { ...entry }, lines: 0, styled: new Map<number, Style>() };
  for (const { seq, type, content } of segment.lines.slice(begun.lines)) {
    if (type === 'system') continue;
    const style = begun.exit[type];
    if (style !== PLAIN) begun.styled.set(seq, style);
    begun.exit[type] = styleAfter(content, style);
  }
  begun.lines = segment.lines.length;
  known.set(segment, begun);
  return begun;
}
