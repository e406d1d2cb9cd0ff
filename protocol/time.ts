/** Dates that nodes send. They are data: a node whose clock is wrong is mirrored like any other. */
import { z } from 'zod';

/** RFC 3339, and what clocks make of years outside of 0 to 9999: `+010000-01-01T00:00:00Z`. */
const DATE =
  /^([+-]?\d{4,6})-(0[1-9]|1[0-2])-([0-2]\d|3[01])[Tt]([01]\d|2[0-4]):([0-5]\d):([0-5]\d|60)(\.\d{1,9})?(?:([Zz])|([+-])(\d\d):(\d\d))$/;
const FIRST = '0001-01-01T00:00:00';
const LAST = '9999-12-31T23:59:59.999999';

/**
 * A time with up to nine fractional digits. It is parsed to the same instant in UTC, written with `Z` and with all its
 * digits: a `Date` would cut them to milliseconds, and a mirror returns what it was given. One that no calendar has (a
 * leap second, February 30, a year above 9999) stays as it is.
 */
export const rfc3339 = z
  .string()
  .max(40)
  .transform((value, context) => {
    if (!DATE.test(value)) {
      context.addIssue({ code: 'custom', message: 'must be an RFC 3339 time' });
      return z.NEVER;
    }
    return toUtc(value) ?? value;
  });

/**
 * Makes a time that PostgreSQL's timestamptz can hold of what {@link rfc3339} accepts: in UTC, from year 1 to 9999, and
 * in microseconds. One outside of these years becomes the first or the last moment of them.
 */
export function toTimestamp(text: string): string {
  const { year, instant, fraction } = parse(text);
  const iso = Number.isNaN(instant.getTime()) ? undefined : instant.toISOString();
  if (iso?.length === 24 && !iso.startsWith('0000')) return `${iso.slice(0, 19)}${fraction.slice(0, 7)}Z`;
  return `${year > 0 && (iso === undefined || iso.startsWith('+')) ? LAST : FIRST}Z`;
}

/** @returns undefined if the calendar does not have the time, or it has more or less than four digits of a year */
function toUtc(value: string): string | undefined {
  const { instant, fraction, local } = parse(value);
  if (Number.isNaN(instant.getTime())) return undefined;
  const iso = instant.toISOString();
  const isUsual = iso.length === 24 && !iso.startsWith('0000') && value.slice(0, 19).toUpperCase() === local;
  return isUsual ? `${iso.slice(0, 19)}${fraction}Z` : undefined;
}

/** @returns the time as its fields add up, February 30 being March 1 or 2; `local` is what a calendar makes of them */
function parse(value: string) {
  const [, year = '', month, day, hour, minute, second, fraction = '', , sign, offsetHours = '0', offsetMinutes = '0'] =
    DATE.exec(value) ?? [];
  const offset = (Number(offsetHours) * 60 + Number(offsetMinutes)) * (sign === '-' ? -1 : 1);
  const at = (minutes: number) => {
    const date = new Date(0);
    date.setUTCFullYear(Number(year), Number(month) - 1, Number(day)); // Date.UTC takes the years 0 to 99 for 1900 on
    date.setUTCHours(Number(hour), Number(minute) - minutes, Number(second));
    return date;
  };
  const calendar = at(0);
  const local = Number.isNaN(calendar.getTime()) ? '' : calendar.toISOString().slice(0, 19);
  return { year: Number(year), instant: at(offset), fraction, local };
}
