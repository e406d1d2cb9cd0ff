import { expect, test } from '@jest/globals';
import { pageAddress, readAddress } from './page-address.js';

test('the address says which execution is shown, and how', () => {
  expect(readAddress('')).toEqual({ executionId: undefined, view: 'log' });
  expect(readAddress('?execution=e1&view=conversation')).toEqual({ executionId: 'e1', view: 'conversation' });
  expect(readAddress('?view=something')).toEqual({ executionId: undefined, view: 'log' });
});

test('what else is in the address stays, and lines go with the log', () => {
  const page = 'https://hive.test/attempts/a?from=list&view=conversation#L4';
  expect(pageAddress(page, 'e2', 'log', { first: 120, last: 140 })).toBe('/attempts/a?from=list&execution=e2#L120-140');
  expect(pageAddress(page, 'e2', 'conversation')).toBe('/attempts/a?from=list&view=conversation&execution=e2');
});
