import { z } from 'zod';

const RFC3339 = /^(\d{4}-\d{2}-\d{2})[Tt](\d{2}:\d{2}:\d{2})(\.\d{1,9})?([Zz]|[+-]\d{2}:\d{2})$/;

/**
 * An RFC 3339 time with up to nine fractional digits. It is parsed to the same instant in UTC, written with `Z` and
 * with all its digits: a `Date` would cut them to milliseconds, and a mirror returns what it was given.
 */
export const rfc3339 = z
  .string()
  .max(40)
  .transform((value, context) => {
    const utc = toUtc(value);
    if (utc === undefined) {
      context.addIssue({ code: 'custom', message: 'must be an RFC 3339 time' });
      return z.NEVER;
    }
    return utc;
  });

function toUtc(value: string): string | undefined {
  const match = RFC3339.exec(value);
  if (!match) return undefined;
  const [, date, time, fraction = '', offset = ''] = match;
  const instant = new Date(`${date}T${time}${offset.toUpperCase()}`);
  if (Number.isNaN(instant.getTime())) return undefined;
  const iso = instant.toISOString();
  const storable = iso.length === 24 && !iso.startsWith('0000'); // PostgreSQL has no year 0
  return storable ? `${iso.slice(0, 19)}${fraction}Z` : undefined;
}
