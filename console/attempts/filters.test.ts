import { expect, test } from '@jest/globals';
import { attemptsAddress, changed, isLikeAnId, readChoice, searchedFor } from './filters.js';

const ID = '8da461ae-8494-4e75-b98d-b07e5483863f';

test('an address is read and written the same, whatever order it was typed in', () => {
  const address = '/attempts?order=changed&branch=feat%2Fa%26b&q=two+words&status=failed';
  const choice = readChoice(address);
  expect(choice).toEqual({ filters: { q: 'two words', status: 'failed', branch: 'feat/a&b' }, order: 'changed' });
  expect(attemptsAddress(choice)).toBe('/attempts?q=two+words&status=failed&branch=feat%2Fa%26b&order=changed');
  expect(readChoice(attemptsAddress(choice))).toEqual(choice);
});

test('what is not a filter is left out of an address, and a wrong value is left for the hive to refuse', () => {
  expect(readChoice('/attempts?other=1&q=&order=random&status=odd')).toEqual({
    filters: { status: 'odd' },
    order: 'arrived',
  });
  expect(readChoice('/')).toEqual({ filters: {}, order: 'arrived' });
  expect(attemptsAddress(readChoice('/?x=1'))).toBe('/attempts');
});

test('a change takes filters away and adds others', () => {
  expect(changed({ q: 'a', status: 'failed' }, { status: undefined, branch: 'main' })).toEqual({
    q: 'a',
    branch: 'main',
  });
  expect(changed({ q: 'a' }, { q: '' })).toEqual({});
});

test('a whole id that is searched for is looked for as an id, everything else as text', () => {
  expect(changed({}, searchedFor(` ${ID} `))).toEqual({ id_prefix: ID });
  expect(changed({ q: 'x' }, searchedFor(ID.replaceAll('-', '')))).toEqual({ id_prefix: ID.replaceAll('-', '') });
  expect(changed({ id_prefix: ID }, searchedFor('8da461ae'))).toEqual({ q: '8da461ae' });
  expect(['8da461ae', '8DA461AE-84', 'deadbee', 'fix the test', `${ID}0`].map(isLikeAnId)).toEqual([
    ...[true, true, false, false, false],
  ]);
});
