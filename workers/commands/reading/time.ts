/** Times as people say and read them. */
import { InvalidArgumentError } from 'commander';

const [SECOND, MINUTE, HOUR, DAY] = [1000, 60_000, 3_600_000, 86_400_000] as const;
const UNITS: Readonly<Record<string, number>> = { s: SECOND, m: MINUTE, h: HOUR, d: DAY, w: 7 * DAY };
const AGO = /^(\d{1,6})\s*([smhdw])$/;
/** Dates without an offset are of the reader's own day. */
const DATE = /^\d{4}-\d{2}-\d{2}([T ]\d{2}:\d{2}(:\d{2}(\.\d{1,9})?)?(Z|[+-]\d{2}:\d{2})?)?$/i;

/** Parses an option: how long ago, `today`, `yesterday`, or a date. @returns RFC 3339 in UTC */
export function sinceOption(text: string): string {
  const ago = AGO.exec(text.trim());
  const time = ago ? new Date().getTime() - Number(ago[1]) * (UNITS[ago[2] ?? ''] ?? 0) : momentOf(text.trim());
  if (Number.isNaN(time)) {
    throw new InvalidArgumentError(
      'It must be like 90s, 30m, 2h, 3d or 1w, today, yesterday, 2026-11-27 or 2026-11-27T08:00:00Z.',
    );
  }
  return new Date(time).toISOString();
}

function momentOf(text: string): number {
  const day = new Date();
  day.setHours(0, 0, 0, 0);
  if (text === 'today') return day.getTime();
  if (text === 'yesterday') return day.setDate(day.getDate() - 1);
  if (!DATE.test(text)) return NaN;
  return Date.parse(text.length === 10 ? `${text}T00:00:00` : text.replace(' ', 'T'));
}

/** @returns how long ago it was, like `3m`; a date if that is over a month, or if it lies ahead */
export function age(time: string, now = new Date()): string {
  const ms = now.getTime() - Date.parse(time);
  if (!(ms > -MINUTE && ms < 31 * DAY)) return time.slice(0, 10);
  if (ms < MINUTE) return `${Math.max(0, Math.floor(ms / SECOND))}s`;
  if (ms < HOUR) return `${Math.floor(ms / MINUTE)}m`;
  return ms < 2 * DAY ? `${Math.floor(ms / HOUR)}h` : `${Math.floor(ms / DAY)}d`;
}

/** @returns a length of time, like `1h05m` */
export function duration(ms: number): string {
  if (!(ms >= 0)) return '-';
  if (ms < 10 * SECOND) return `${(Math.floor(ms / 100) / 10).toFixed(1)}s`;
  if (ms < MINUTE) return `${Math.floor(ms / SECOND)}s`;
  const [minutes, hours] = [Math.floor(ms / MINUTE), Math.floor(ms / HOUR)];
  if (ms < HOUR) return `${minutes}m${two(Math.floor(ms / SECOND) % 60)}s`;
  return ms < 2 * DAY ? `${hours}h${two(minutes % 60)}m` : `${Math.floor(hours / 24)}d${two(hours % 24)}h`;
}

/** @returns a time that the API gave, for people */
export function timeText(time: string): string {
  return `${time.slice(0, 19).replace('T', ' ')} UTC`;
}

function two(number: number): string {
  return String(number).padStart(2, '0');
}
