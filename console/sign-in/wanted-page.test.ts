import { afterEach, expect, test } from '@jest/globals';
import { oidcAddress, wantedPage } from './wanted-page.js';

const ORIGIN = 'https://hive.example.com';

/** Pretends that the browser shows this address. */
function at(address: string): void {
  const { pathname, search, hash, origin } = new URL(address, ORIGIN);
  Object.assign(globalThis, { location: { pathname, search, hash, origin } });
}
afterEach(() => void Reflect.deleteProperty(globalThis, 'location'));

test('whoever is asked to sign in on a page comes back to it, to the very line', () => {
  at('/attempts/1?execution=2#L120-140');
  expect(wantedPage()).toBe('/attempts/1?execution=2#L120-140');
  expect(oidcAddress()).toBe('/v1/session/oidc?return_to=%2Fattempts%2F1%3Fexecution%3D2%23L120-140');
});

test('the address of the sign-in page says where it leads', () => {
  at('/sign-in');
  expect(wantedPage()).toBe('/');
  at(`/sign-in?return_to=${encodeURIComponent('/nodes?q=a#b')}`);
  expect(wantedPage()).toBe('/nodes?q=a#b');
  at(`/sign-in?return_to=${encodeURIComponent('/sign-in?return_to=/nodes')}`);
  expect(wantedPage()).toBe('/');
});

test.each([
  'https://evil.example',
  '//evil.example/x',
  '/\\evil.example',
  '/\t/evil.example',
  '/.//evil.example',
  '/a/..//evil.example',
  '/.\\/evil.example',
  'javascript:alert(1)',
  '',
])('it never leads to another site: %j', (wanted) => {
  at(`/sign-in?return_to=${encodeURIComponent(wanted)}`);
  expect(wantedPage()).toBe('/');
});

test('a page whose own path looks like another site is not led back to', () => {
  at(`${ORIGIN}//evil.example/x`);
  expect(wantedPage()).toBe('/');
});

test('an address that is too long for the issuer is not given to it', () => {
  at(`/search?q=${'x'.repeat(2000)}`);
  expect(oidcAddress()).toBe('/v1/session/oidc?return_to=%2F');
});
