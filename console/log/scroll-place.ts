/**
 * The scroll bar of a log. Browsers make no element of 20 million px (Firefox stops at 17.9, Chromium at 33.5), so that
 * beyond MAX_HEIGHT the bar is a scale: a step by wheel, key or finger moves the lines by just as many pixels, and the bar
 * is put right when the hand rests; a drag of the bar itself goes to that share of the log.
 */
import type { LogScreen } from './log-screen.js';

/** @format px */
const MAX_HEIGHT = 8_000_000;
/** A move by more than this many screens at once is a drag of the bar, not a step. */
const DRAG_SCREENS = 10;

/** @returns how high the scrolled element is */
export function scrollHeight(screen: LogScreen): number {
  const { rows, height, averageHeight } = screen;
  const wanted = Math.min(MAX_HEIGHT, Math.ceil(rows.count * averageHeight));
  // rows that are higher than they were thought: what does not fit must be reachable
  const { key, offset } = screen.end();
  const overflows = offset > 0 || rows.at(1)?.key !== rows.at(key)?.key;
  // otherwise as high as the window, because a block of missing lines may be higher than the lines that were counted
  return overflows ? Math.max(wanted, Math.ceil(height * 1.25)) : Math.floor(height);
}

/** @returns where the scroll bar stands for where the screen is */
export function scrollTop(screen: LogScreen, height: number): number {
  return Math.round(screen.share * Math.max(0, height - screen.height));
}

export const isDrag = (screen: LogScreen, delta: number): boolean => Math.abs(delta) > screen.height * DRAG_SCREENS;
