/** A line's time, as people choose to see it. Each way has one width, so that the text stays where it is. */

export const TIME_STYLES = ['off', 'absolute', 'relative', 'delta'] as const;
export type TimeStyle = (typeof TIME_STYLES)[number];

export interface TimeContext {
  /** When the execution began. */
  startedAt: string;
  /** The time of the line shown before; undefined for the first. */
  before: string | undefined;
}

export function formatTime(style: TimeStyle, at: string, { startedAt, before }: TimeContext): string {
  switch (style) {
    case 'off':
      return '';
    case 'absolute':
      return clock(new Date(at));
    case 'relative':
      return span(Date.parse(at) - Date.parse(startedAt));
    case 'delta':
      return span(before === undefined ? 0 : Date.parse(at) - Date.parse(before));
  }
}

const two = (value: number): string => String(value).padStart(2, '0');

/** By the reader's clock; the row's title has the moment as the API gives it. */
function clock(at: Date): string {
  if (Number.isNaN(at.getTime())) return '?';
  const seconds = `${two(at.getSeconds())}.${String(at.getMilliseconds()).padStart(3, '0')}`;
  return `${two(at.getHours())}:${two(at.getMinutes())}:${seconds}`;
}

/** Wall clocks can go back: then it is negative. */
function span(ms: number): string {
  if (Number.isNaN(ms)) return '?';
  const sign = ms < 0 ? '-' : '+';
  const all = Math.abs(ms);
  const hours = Math.floor(all / 3_600_000);
  const minutes = Math.floor(all / 60_000) % 60;
  const seconds = `${two(Math.floor(all / 1000) % 60)}.${String(Math.floor(all) % 1000).padStart(3, '0')}`;
  return hours > 0 ? `${sign}${hours}:${two(minutes)}:${seconds}` : `${sign}${two(minutes)}:${seconds}`;
}
