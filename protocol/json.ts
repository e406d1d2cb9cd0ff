import { z } from 'zod';

/** Deeper nesting overflows the stack of JSON.stringify or of PostgreSQL's json parser. */
const MAX_DEPTH = 500;

/**
 * JSON of any shape. It stays as JSON.parse returned it, because a schema that copies would drop a `__proto__` key.
 * Refused if it is nested too deeply to be stored, or if its serialised form is larger than `maxBytes`.
 */
export function storableJson(maxBytes: number) {
  return z.unknown().superRefine((value, context) => {
    if (depthExceeds(value, MAX_DEPTH)) {
      context.addIssue({ code: 'custom', message: `must not be nested more than ${MAX_DEPTH} levels deep` });
    } else if (value !== undefined && Buffer.byteLength(JSON.stringify(value)) > maxBytes) {
      context.addIssue({ code: 'custom', message: `must be at most ${maxBytes} bytes of JSON` });
    }
  });
}

function depthExceeds(value: unknown, maxDepth: number): boolean {
  let level: unknown[] = [value];
  for (let depth = 0; level.length > 0; depth++) {
    if (depth > maxDepth) return true;
    level = level.flatMap((item) =>
      typeof item === 'object' && item !== null ? (Object.values(item) as unknown[]) : [],
    );
  }
  return false;
}
