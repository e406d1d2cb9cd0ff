/** j and k, g g and G among the rows of a list: each row has one link or button that is marked by `data-row`. */
import type { RefObject } from 'preact';
import { useKeys } from '../shell/keys.js';

/**
 * @param scope the page's name on the sheet of keys
 * @param inside what holds the rows
 * @param row what a row is, for the sheet: `node`
 */
export function useRowKeys(scope: string, inside: RefObject<HTMLElement | null>, row: string): void {
  const focus = (choose: (at: number, count: number) => number): void => {
    const rows = [...(inside.current?.querySelectorAll<HTMLElement>('[data-row]') ?? [])];
    const next = rows[Math.max(0, Math.min(rows.length - 1, choose(rowWithFocus(rows), rows.length)))];
    next?.focus();
    next?.scrollIntoView({ block: 'nearest' });
  };
  useKeys(scope, [
    { keys: 'j', does: `next ${row}`, run: () => focus((at) => at + 1) },
    { keys: 'k', does: `previous ${row}`, run: () => focus((at) => at - 1) },
    { keys: 'g g', does: `first ${row}`, run: () => focus(() => 0) },
    { keys: 'G', does: `last ${row}`, run: () => focus((_, count) => count - 1) },
  ]);
}

/** @returns the last row that begins at the focus or before it; -1 if the focus is before all of them */
function rowWithFocus(rows: readonly HTMLElement[]): number {
  const focused = document.activeElement;
  if (!focused || focused === document.body) return -1;
  return rows.findLastIndex(
    (row) => row === focused || (row.compareDocumentPosition(focused) & Node.DOCUMENT_POSITION_FOLLOWING) !== 0,
  );
}
