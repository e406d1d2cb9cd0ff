/** Where the keyboard goes from a row. */
import type { Viewport } from './window.js';

export type Move = 'next' | 'previous' | 'pageDown' | 'pageUp' | 'first' | 'last';

/** @param from undefined if the keyboard is at no row yet @returns undefined if there is no row */
export function moved(by: Move, from: number | undefined, view: Viewport): number | undefined {
  if (view.length === 0) return undefined;
  const page = Math.max(1, Math.floor(view.height / view.rowHeight) - 1);
  const index = target(by, from, { page, view });
  return Math.min(view.length - 1, Math.max(0, index));
}

function target(by: Move, from: number | undefined, { page, view }: { page: number; view: Viewport }): number {
  if (by === 'first') return 0;
  if (by === 'last') return view.length - 1;
  if (from === undefined) return Math.ceil(view.scrollTop / view.rowHeight); // the first one that is seen whole
  switch (by) {
    case 'next':
      return from + 1;
    case 'previous':
      return from - 1;
    case 'pageDown':
      return from + page;
    case 'pageUp':
      return from - page;
  }
}
