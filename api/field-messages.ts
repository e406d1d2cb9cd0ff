/** What is wrong with a field, as a sentence that goes on after its name. Schemas can say it better themselves. */
import type { z } from 'zod';

/** For `safeParse`: what an issue is called that the schema has no words of its own for. */
export function fieldMessage(issue: z.core.$ZodRawIssue): string {
  if (issue.input === undefined) return 'is required';
  switch (issue.code) {
    case 'invalid_type':
      // a parameter that comes twice is a list
      if (Array.isArray(issue.input) && issue.expected === 'string') return 'must be one text, given once';
      return `must be ${TYPES[issue.expected] ?? `of type ${issue.expected}`}`;
    case 'invalid_value':
      if (Array.isArray(issue.input)) return `${oneOf(issue.values)}, given once`;
      return oneOf(issue.values);
    case 'invalid_format':
      return FORMATS[issue.format] ?? 'has the wrong form';
    case 'too_small':
      if (issue.minimum === 1 && issue.inclusive !== false && issue.origin !== 'number') return 'must not be empty';
      return bound(issue.origin, issue.inclusive === false ? 'more than' : 'at least', issue.minimum);
    case 'too_big':
      return bound(issue.origin, issue.inclusive === false ? 'less than' : 'at most', issue.maximum);
    case 'invalid_union':
    case 'invalid_key':
    case 'invalid_element':
    case 'not_multiple_of':
    case 'unrecognized_keys':
    case 'custom':
      return 'is not valid';
  }
}

const TYPES: Record<string, string> = {
  string: 'a text',
  number: 'a number',
  int: 'a whole number',
  boolean: 'true or false',
  array: 'a list',
  object: 'an object',
};

const FORMATS: Record<string, string> = {
  guid: 'must be a UUID',
  uuid: 'must be a UUID',
  datetime: 'must be a time like 2026-11-27T08:00:00Z',
};

/** What texts and lists have so many of. */
const PARTS: Record<string, string> = { string: 'characters', array: 'items' };

function bound(origin: string, how: string, limit: number | bigint): string {
  const parts = PARTS[origin];
  return parts === undefined ? `must be ${how} ${limit}` : `must have ${how} ${limit} ${parts}`;
}

function oneOf(values: readonly unknown[]): string {
  const names = values.map(String);
  const last = names.pop() ?? '';
  return names.length === 0 ? `must be ${last}` : `must be ${names.join(', ')} or ${last}`;
}
