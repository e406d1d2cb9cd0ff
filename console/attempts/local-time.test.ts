import { expect, test } from '@jest/globals';
import { fromField, toField } from './local-time.js';

test('a moment goes through the field and comes back', () => {
  const field = toField('2026-11-27T07:18:00Z');
  expect(field).toMatch(/^2026-11-2[678]T\d\d:\d\d$/);
  expect(fromField(field)).toBe('2026-11-27T07:18:00.000Z');
});

test('what is no moment leaves the field, and the address, empty', () => {
  expect([toField(undefined), toField('yesterday'), fromField(''), fromField('nonsense')]).toEqual(['', '', '', '']);
});
