/**
 * Copies what is selected, also where it reaches beyond the rows that exist. The rows in which a selection begins and ends
 * are kept in the page while it lasts, so that the browser holds it however far somebody scrolls; the lines between are
 * read when they are needed.
 */
import { useSignal } from '@preact/signals';
import type { ReadonlySignal } from '@preact/signals';
import type { RefObject } from 'preact';
import { useEffect } from 'preact/hooks';
import { copyText } from '../ui/copy-text.js';
import { formatCount } from '../ui/format-count.js';
import { copiedText, readToCopy, type TextPlace } from './copied-lines.js';
import type { Line } from './line.js';
import type { OpenLog } from './open-log.js';
import type { LineRange } from './permalink.js';

export interface Copying {
  /** The lines in which the selection begins and ends. */
  pinned: ReadonlySignal<readonly Line[]>;
  /** Copies whole lines. */
  copy(range: LineRange): Promise<void>;
}

export function useCopying(
  log: OpenLog,
  scroller: RefObject<HTMLElement | null>,
  say: (what: string) => void,
): Copying {
  const pinned = useSignal<readonly Line[]>([]);

  useEffect(() => {
    const aborting = new AbortController();
    const selected = (): void => {
      const ends = endsOf(scroller.current);
      const kept = pinned.peek();
      const next = ends ? lineOf(log, kept, ends) : [];
      if (next.length !== kept.length || next.some((line, index) => line !== kept[index])) pinned.value = next;
    };
    const copied = (event: ClipboardEvent): void => {
      const ends = endsOf(scroller.current);
      if (!ends) return;
      event.preventDefault();
      const lines = keptLines(log, ends[0].seq, ends[1].seq);
      if (lines) event.clipboardData?.setData('text/plain', copiedText(lines, ...ends));
      else void copyFar(log, ends, say, aborting.signal);
    };
    document.addEventListener('selectionchange', selected);
    document.addEventListener('copy', copied);
    return () => {
      aborting.abort();
      document.removeEventListener('selectionchange', selected);
      document.removeEventListener('copy', copied);
    };
  }, [log]);

  return {
    pinned,
    copy: ({ first, last }) => {
      const ends: Ends = [
        { seq: first, offset: 0 },
        { seq: last, offset: Infinity },
      ];
      return copyFar(log, ends, say, new AbortController().signal);
    },
  };
}

type Ends = [from: TextPlace, to: TextPlace];

async function copyFar(log: OpenLog, ends: Ends, say: (what: string) => void, signal: AbortSignal): Promise<void> {
  const [from, to] = ends;
  try {
    const lines = keptLines(log, from.seq, to.seq) ?? (await readToCopy(log.reader, from.seq, to.seq, signal));
    const isCopied = await copyText(copiedText(lines, from, to));
    const count = lines.length === 1 ? '1 line' : `${formatCount(lines.length)} lines`;
    say(isCopied ? `${count} copied` : 'this browser did not allow copying; download the log');
  } catch (error) {
    if (!signal.aborted) say(`not copied: ${error instanceof Error ? error.message : String(error)}`);
  }
}

/** @returns the lines, if all of them are here */
function keptLines(log: OpenLog, first: number, last: number): Line[] | undefined {
  const lines: Line[] = [];
  for (let row = log.rows.at(first); row && row.key <= last; row = log.rows.after(row)) {
    if (row.kind === 'unknown') return undefined;
    if (row.kind === 'line') lines.push(row.line);
  }
  return lines;
}

function lineOf(log: OpenLog, kept: readonly Line[], ends: Ends): Line[] {
  const numbers = [...new Set(ends.map(({ seq }) => seq))];
  return numbers.flatMap((seq) => log.line(seq) ?? kept.find((line) => line.seq === seq) ?? []);
}

/** @returns where the selection begins and ends; undefined if nothing is selected, or not in the log */
function endsOf(scroller: HTMLElement | null): Ends | undefined {
  const selection = getSelection();
  if (!scroller || !selection || selection.isCollapsed || selection.rangeCount === 0) return undefined;
  const range = selection.getRangeAt(0);
  const from = placeOf(scroller, range.startContainer, range.startOffset);
  const to = placeOf(scroller, range.endContainer, range.endOffset);
  return from && to ? [from, to] : undefined;
}

function placeOf(scroller: HTMLElement, node: Node, offset: number): TextPlace | undefined {
  const element = node instanceof Element ? node : node.parentElement;
  const row = element?.closest<HTMLElement>('[data-line]');
  const text = row?.querySelector('.log-text');
  if (!row || !text || !scroller.contains(row)) return undefined;
  const before = document.createRange();
  before.selectNodeContents(text);
  const isBefore = before.comparePoint(node, offset) < 0;
  const isAfter = before.comparePoint(node, offset) > 0;
  if (!isBefore && !isAfter) before.setEnd(node, offset);
  return { seq: Number(row.dataset['line']), offset: isBefore ? 0 : before.toString().length };
}
