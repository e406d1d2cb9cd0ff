import { expect, test } from '@jest/globals';
import { askedOfHive, queryOf, searchAddress } from './search-query.js';

const fieldsOf = (address: string) => Object.fromEntries(new URL(address, 'http://hive.test').searchParams);

test.each([
  '/search',
  '/search?q=time+out',
  '/search?q=a%26b&match=text&ignore_case=true',
  '/search?q=%5Cbpanic%5Cb&regex=true&title=x&node_id=n&status=failed',
])('the address %s says everything that is searched for', (address) => {
  expect(searchAddress(queryOf(fieldsOf(address)))).toBe(address);
});

test('what an address says beside that is left out', () => {
  const query = queryOf(fieldsOf('/search?q=x&match=sideways&regex=maybe&cursor=evil&constructor=1&branch='));
  expect(query).toEqual({ q: 'x', mode: 'word', ignoreCase: false, filters: {} });
});

test('the hive is asked for a regular expression or for a way to match, never for both', () => {
  const query = queryOf({ q: 'x', regex: 'true', match: 'text', ignore_case: 'true', branch: 'main' });
  expect(askedOfHive(query, 'c')).toEqual({ q: 'x', regex: true, ignore_case: true, branch: 'main', cursor: 'c' });
  expect(askedOfHive(queryOf({ q: 'x' }), null)).toEqual({ q: 'x', match: 'word' });
});
