import { expect, test } from '@jest/globals';
import { toFailure } from './failures.js';

test.each([
  ['25006', 'database_unavailable'],
  ['53100', 'database_unavailable'],
  ['55P03', 'database_unavailable'],
  ['26000', 'database_unavailable'],
  ['42P05', 'database_unavailable'],
  ['57P03', 'database_unavailable'],
  ['28P01', 'database_unavailable'],
  ['22P02', 'database_error'],
  ['XX000', 'database_error'],
])(
  'an error %s of the database fails an activity as %s: a workflow may try again, and its history has no message',
  (code, type) => {
    const failure = toFailure(Object.assign(new Error('secret'), { code }), 'an-id');
    expect(failure).toMatchObject({ type, message: `${type}: attempt an-id` });
    expect((failure as { nonRetryable?: boolean }).nonRetryable).not.toBe(true);
  },
);
