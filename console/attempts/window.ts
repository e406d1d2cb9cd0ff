/** Which rows of a long list are drawn: those that are seen, and some around them. */

export interface Viewport {
  scrollTop: number;
  /** Of the part in which rows are seen. */
  height: number;
  rowHeight: number;
  /** How many rows there are. */
  length: number;
}

export interface Range {
  first: number;
  /** The last one; before `first` if there is none. */
  last: number;
}

/** Rows that are drawn before they are seen. */
const AHEAD = 12;
/** What is drawn changes by so many rows at a time, and not with every pixel. */
const STEP = 8;

export function seenRange({ scrollTop, height, rowHeight, length }: Viewport): Range {
  const first = Math.min(Math.max(0, Math.floor(scrollTop / rowHeight)), Math.max(0, length - 1));
  return { first, last: Math.min(length - 1, Math.floor((scrollTop + Math.max(0, height - 1)) / rowHeight)) };
}

export function drawnRange(viewport: Viewport): Range {
  const { first, last } = seenRange(viewport);
  return {
    first: Math.max(0, Math.floor((first - AHEAD) / STEP) * STEP),
    last: Math.min(viewport.length - 1, Math.ceil((last + AHEAD) / STEP) * STEP),
  };
}

/** @returns the scroll position at which a row is seen whole, the nearest to the present one */
export function scrollTopFor(index: number, { scrollTop, height, rowHeight }: Viewport): number {
  const top = index * rowHeight;
  if (top < scrollTop) return top;
  return Math.max(scrollTop, top + rowHeight - height);
}

/** Browsers cut elements that are higher: Firefox at 17.9 million pixels, Chromium at 33.5 million. */
const MAX_HEIGHT = 15_000_000;

/** @returns how many rows can be scrolled to */
export const reachableRows = (length: number, rowHeight: number): number =>
  Math.min(length, Math.floor(MAX_HEIGHT / rowHeight));
