/** Signing in to the console at an issuer, as a browser goes through it. */
import { afterAll, afterEach, beforeAll, expect, test } from '@jest/globals';
import request from 'supertest';
import { setCookies } from '../../tests/harness/console-session.js';
import { startTestHive, type TestHive } from '../../tests/harness/http-api.js';
import { OidcProvider } from '../../tests/harness/oidc-provider.js';
import { createOidcVerifier } from '../oidc.js';
import { currentSession } from '../schemas/session.js';
import { createOidcSignIn, type OidcSignIn } from '../session/oidc-sign-in.js';

const CLIENT = { clientId: 'hivesync', clientSecret: 's3same', scope: 'openid' };
const CLAIMS = { organization: 'own', role: 'viewer' };
const PUBLIC_URL = 'http://hive.test';

let provider: OidcProvider;
let hive: TestHive;
let signIn: OidcSignIn;

beforeAll(async () => {
  provider = await OidcProvider.start(CLIENT.clientId, CLIENT.clientSecret);
  hive = await startTestHive({
    publicUrl: PUBLIC_URL,
    limits: { failedLoginsPerMinute: 1000 },
    oidcSignIn: { start: (uri) => signIn.start(uri), finish: (callback, pending) => signIn.finish(callback, pending) },
  });
  signIn = newSignIn(hive, provider);
});
afterEach(() => {
  provider.claims = CLAIMS;
  provider.accessClaims = undefined;
  provider.status = 200;
});
afterAll(async () => {
  await hive.close();
  await provider.stop();
});

function newSignIn({ database }: TestHive, issuer: OidcProvider, client: Partial<typeof CLIENT> = {}): OidcSignIn {
  const options = { issuer: issuer.url, audience: 'hive-api', organizationClaim: 'organization', roleClaim: 'role' };
  return createOidcSignIn(database, { ...options, ...CLIENT, ...client }, createOidcVerifier(database, options));
}

/** A browser: it keeps cookies, and does not send those that are `Strict` when another site sends it here. */
class Browser {
  readonly #cookies = new Map<string, { value: string; isStrict: boolean }>();

  async get(path: string, { cameFrom = 'here' } = {}): Promise<request.Response> {
    const sent = [...this.#cookies].filter(([, { isStrict }]) => !isStrict || cameFrom === 'here');
    const response = await request(hive.app)
      .get(path)
      .set('cookie', sent.map(([name, { value }]) => `${name}=${value}`).join('; '))
      .redirects(0);
    for (const cookie of setCookies(response)) {
      const [, name = '', value = ''] = /^([^=]+)=([^;]*)/.exec(cookie) ?? [];
      if (cookie.includes('Expires=Thu, 01 Jan 1970')) this.#cookies.delete(name);
      else this.#cookies.set(name, { value, isStrict: cookie.includes('SameSite=Strict') });
    }
    return response;
  }

  get cookieNames(): string[] {
    return [...this.#cookies.keys()];
  }

  async session() {
    return currentSession.parse((await this.get('/v1/session')).body).session;
  }

  /** Goes to the issuer. @returns where that sends it back to */
  async toIssuer(returnTo = '/'): Promise<string> {
    const away = await this.get(`/v1/session/oidc?return_to=${encodeURIComponent(returnTo)}`);
    expect(away.status).toBe(303);
    const at = await fetch(away.headers['location'] ?? '', { redirect: 'manual' });
    const back = at.headers.get('location') ?? '';
    expect(back).toMatch(/^http:\/\/hive\.test\/v1\/session\/oidc\/callback\?/);
    return back.slice(PUBLIC_URL.length);
  }

  /** @returns where it ends */
  async back(callback: string): Promise<string> {
    const response = await this.get(callback, { cameFrom: 'the issuer' });
    expect(response.status).toBe(303);
    return response.headers['location'] ?? '';
  }
}

const refusedWith = (error: string, returnTo = '%2F') => `/sign-in?error=${error}&return_to=${returnTo}`;

test('a browser goes to the issuer, comes back to the page that it wanted, and is signed in', async () => {
  provider.claims = { ...CLAIMS, role: ['staff', 'admin'] };
  const browser = new Browser();
  expect(await browser.back(await browser.toIssuer('/attempts/1?tab=log#L120-140'))).toBe(
    '/attempts/1?tab=log#L120-140',
  );
  expect(await browser.session()).toMatchObject({ role: 'admin', organization: { id: hive.own.id, name: 'own' } });
  expect(browser.cookieNames).toEqual(['hivesync_session']);
  expect((await browser.get('/v1/tokens')).status).toBe(200);
  const { fields, authorization } = provider.tokenRequests.at(-1) ?? {};
  expect(fields).toMatchObject({
    grant_type: 'authorization_code',
    code_verifier: expect.stringMatching(/^[\w-]{43}/),
  });
  expect(authorization).toMatch(/^Basic /);
});

test('the session ends when the issuer says so', async () => {
  const exp = Math.floor(new Date().getTime() / 1000) + 60;
  provider.claims = { ...CLAIMS, exp };
  const browser = new Browser();
  await browser.back(await browser.toIssuer());
  expect((await browser.session())?.expires_at).toBe(new Date(exp * 1000).toISOString());
  await hive.database.$executeRaw`UPDATE console_session SET last_used_at = now() - interval '2 minutes'`;
  await browser.get('/v1/nodes');
  expect((await browser.session())?.expires_at).toBe(new Date(exp * 1000).toISOString());
});

test('what is not in the ID token may be in an access token for the hive', async () => {
  provider.claims = {};
  provider.accessClaims = { aud: 'hive-api', ...CLAIMS };
  const browser = new Browser();
  expect(await browser.back(await browser.toIssuer())).toBe('/');
  expect(await browser.session()).toMatchObject({ role: 'viewer' });
  provider.accessClaims = { aud: 'another-api', ...CLAIMS };
  const other = new Browser();
  expect(await other.back(await other.toIssuer())).toBe(refusedWith('no_access'));
});

test('somebody without a role or an organisation here is not let in', async () => {
  for (const claims of [{ role: 'viewer' }, { organization: 'own' }, { ...CLAIMS, organization: 'nobody' }]) {
    provider.claims = claims;
    const browser = new Browser();
    expect(await browser.back(await browser.toIssuer('/nodes'))).toBe(refusedWith('no_access', '%2Fnodes'));
    expect(await browser.session()).toBeNull();
  }
});

test('what somebody else has started can’t be finished: the state and the verifier stay in the browser', async () => {
  const [victim, attacker] = [new Browser(), new Browser()];
  const callback = await attacker.toIssuer();
  expect(await victim.back(callback)).toBe(refusedWith('refused'));
  await victim.toIssuer();
  expect(await victim.back(callback)).toBe(refusedWith('refused'));
  expect(await victim.session()).toBeNull();
});

test('the issuer gives nothing for a code without its verifier', async () => {
  const [one, other] = [await signIn.start('http://hive.test/x'), await signIn.start('http://hive.test/x')];
  const back = (await fetch(one.url, { redirect: 'manual' })).headers.get('location') ?? '';
  const pending = { ...one.pending, codeVerifier: other.pending.codeVerifier };
  await expect(signIn.finish(new URL(back), pending)).rejects.toThrow('the issuer answered invalid_grant');
});

test('an ID token for another sign-in, another program or by another issuer is refused', async () => {
  for (const claims of [{ nonce: 'another' }, { aud: 'another' }, { iss: 'https://other.test' }, { exp: 1 }]) {
    provider.claims = { ...CLAIMS, ...claims };
    const browser = new Browser();
    expect([claims, await browser.back(await browser.toIssuer())]).toEqual([claims, refusedWith('refused')]);
  }
});

test('a code is good once', async () => {
  const browser = new Browser();
  const callback = await browser.toIssuer();
  expect(await browser.back(callback)).toBe('/');
  expect(await browser.back(callback)).toBe(refusedWith('refused'));
});

test('what the issuer refuses is told', async () => {
  const browser = new Browser();
  const { searchParams } = new URL(await browser.toIssuer('/search'), PUBLIC_URL);
  const query = new URLSearchParams({ error: 'access_denied', state: searchParams.get('state') ?? '' });
  const end = await browser.back(`/v1/session/oidc/callback?${query.toString()}`);
  expect(end).toBe(refusedWith('refused', '%2Fsearch'));
  expect(hive.logged.join()).toContain('the issuer answered access_denied');
});

test('a wrong secret of the hive’s client is told in the log, and the secret is not', async () => {
  signIn = newSignIn(hive, provider, { clientSecret: 'wr0ng' });
  const browser = new Browser();
  expect(await browser.back(await browser.toIssuer())).toBe(refusedWith('refused'));
  expect(hive.logged.join()).toContain('the issuer answered invalid_client');
  expect(hive.logged.join()).not.toContain('wr0ng');
  signIn = newSignIn(hive, provider);
});

test('an issuer that is away is told, and works again when it is back', async () => {
  signIn = newSignIn(hive, provider);
  provider.status = 503;
  const away = await new Browser().get('/v1/session/oidc?return_to=%2Fnodes');
  expect([away.status, away.headers['location']]).toEqual([303, refusedWith('issuer_unavailable', '%2Fnodes')]);
  provider.status = 200;
  const browser = new Browser();
  const callback = await browser.toIssuer();
  provider.status = 503;
  expect(await browser.back(callback)).toBe(refusedWith('issuer_unavailable'));
});

test.each([
  ['another host', '//evil.test/'],
  ['what browsers take for another host', '/\\evil.test'],
  ['what becomes another host', '/.//evil.test/'],
  ['what becomes another host, too', '/.\\/evil.test/'],
  ['another address', 'https://evil.test/'],
  ['no path', 'evil'],
  ['a path with a space', '/a b'],
  ['a path with U+0000', '/\u0000'],
  ['a path without end', `/${'a'.repeat(2000)}`],
])('nobody is sent to %s afterwards', async (_what, returnTo) => {
  const response = await new Browser().get(`/v1/session/oidc?return_to=${encodeURIComponent(returnTo)}`);
  expect(response.status).toBe(400);
});

test('only refusals count, and what is no part of a page can start it', async () => {
  const limited = await startTestHive({ limits: { failedLoginsPerMinute: 2 }, oidcSignIn: newSignIn(hive, provider) });
  try {
    const start = async (dest: string) =>
      (await request(limited.app).get('/v1/session/oidc').set('sec-fetch-dest', dest)).status;
    for (let n = 0; n < 4; n++) expect([await start('image'), await start('document')]).toEqual([403, 303]);
    const statuses = [];
    for (let n = 0; n < 4; n++) statuses.push((await request(limited.app).get('/v1/session/oidc/callback')).status);
    expect(statuses).toEqual([303, 303, 429, 429]);
  } finally {
    await limited.close();
  }
});

test('codes and states are not in the log', async () => {
  hive.logged.splice(0);
  const browser = new Browser();
  const callback = await browser.toIssuer();
  await browser.back(callback);
  const { searchParams } = new URL(callback, PUBLIC_URL);
  const log = hive.logged.join();
  expect(log).toContain('"by":"oidc"');
  for (const name of ['code', 'state']) expect(log).not.toContain(searchParams.get(name) ?? '-');
});

test('a public client needs no secret', async () => {
  const open = await OidcProvider.start(CLIENT.clientId);
  try {
    open.claims = CLAIMS;
    const options = { issuer: open.url, audience: 'x', organizationClaim: 'organization', roleClaim: 'role' };
    const client = { clientId: CLIENT.clientId, scope: 'openid' };
    const verifier = createOidcVerifier(hive.database, options);
    signIn = createOidcSignIn(hive.database, { ...options, ...client }, verifier);
    const browser = new Browser();
    expect(await browser.back(await browser.toIssuer())).toBe('/');
  } finally {
    signIn = newSignIn(hive, provider);
    await open.stop();
  }
});

test('a hive without an issuer says so', async () => {
  const without = await startTestHive();
  try {
    for (const path of ['/v1/session/oidc', '/v1/session/oidc/callback?code=a&state=b']) {
      const response = await request(without.app).get(path);
      expect([response.status, (response.body as { detail: string }).detail]).toEqual([
        404,
        'this hive has no OpenID Connect issuer to sign in at',
      ]);
    }
  } finally {
    await without.close();
  }
});
