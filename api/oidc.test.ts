import { afterAll, afterEach, beforeAll, expect, jest, test } from '@jest/globals';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { exportJWK, exportSPKI, generateKeyPair, SignJWT, UnsecuredJWT, type JWK, type JWTPayload } from 'jose';
import request from 'supertest';
import { startTestHive, type TestHive } from '../tests/harness/http-api.js';
import { seedNode } from '../tests/harness/seed.js';
import { createOidcVerifier, type OidcOptions, type OidcVerifier } from './oidc.js';

type KeyPair = Awaited<ReturnType<typeof generateKeyPair>>;

/** A real issuer, which serves its discovery document and keys over HTTP. */
class Issuer {
  readonly keys: JWK[] = [];
  keyRequests = 0;
  status = 200;
  claimsToBe: string | undefined;
  readonly #server: Server;
  url = '';

  constructor() {
    this.#server = createServer((incoming, response) => {
      if (incoming.url === '/keys') this.keyRequests++;
      const documents: Record<string, unknown> = {
        '/.well-known/openid-configuration': { issuer: this.claimsToBe ?? this.url, jwks_uri: `${this.url}/keys` },
        '/keys': { keys: this.keys },
      };
      response.writeHead(this.status, { 'content-type': 'application/json' });
      response.end(JSON.stringify(documents[incoming.url ?? ''] ?? {}));
    });
  }

  async start(): Promise<void> {
    await new Promise<void>((resolve) => this.#server.listen(0, '127.0.0.1', resolve));
    this.url = `http://127.0.0.1:${(this.#server.address() as AddressInfo).port}`;
  }

  async addKey(kid: string, algorithm = 'ES256'): Promise<KeyPair> {
    const pair = await generateKeyPair(algorithm, { extractable: true });
    this.keys.push({ ...(await exportJWK(pair.publicKey)), kid, use: 'sig' });
    return pair;
  }

  stop(): Promise<void> {
    return new Promise((resolve) => this.#server.close(() => resolve()));
  }
}

const AUDIENCE = 'hivesync';
const issuer = new Issuer();
let hive: TestHive;
let verifier: OidcVerifier;
let key: KeyPair;
beforeAll(async () => {
  await issuer.start();
  key = await issuer.addKey('first');
  hive = await startTestHive({ oidc: { verify: (token) => verifier.verify(token) } });
  useVerifier();
});
afterEach(() => {
  jest.restoreAllMocks();
});
afterAll(async () => {
  await hive.close();
  await issuer.stop();
});

function useVerifier(options: Partial<OidcOptions> = {}): void {
  verifier = createOidcVerifier(hive.database, {
    issuer: issuer.url,
    audience: AUDIENCE,
    organizationClaim: 'organization',
    roleClaim: 'role',
    ...options,
  });
}

const CLAIMS = { organization: 'own', role: 'viewer', sub: 'someone' };

function build(claims: JWTPayload): SignJWT {
  return new SignJWT({ iss: issuer.url, aud: AUDIENCE, exp: in_(300), ...CLAIMS, ...claims });
}
const in_ = (seconds: number) => Math.floor(Date.now() / 1000) + seconds;

function token(claims: JWTPayload = {}, { kid = 'first', alg = 'ES256', by = key } = {}): Promise<string> {
  return build(claims).setProtectedHeader({ alg, kid }).sign(by.privateKey);
}

async function answer(bearer: string): Promise<{ status: number; detail: string | undefined }> {
  const response = await hive.get('/v1/nodes', bearer);
  return { status: response.status, detail: (response.body as { detail?: string }).detail };
}

test('a token gives access to what its organisation has, and to nothing else', async () => {
  const own = await seedNode(hive.database, hive.own.id, { name: 'own' });
  const foreign = await seedNode(hive.database, hive.foreign.id, { name: 'foreign' });
  const nodes = async (claims: JWTPayload) =>
    ((await hive.get('/v1/nodes', await token(claims))).body as { id: string }[]).map(({ id }) => id);
  expect(await nodes({})).toEqual([own]);
  expect(await nodes({ organization: 'foreign' })).toEqual([foreign]);
  expect(await nodes({ organization: hive.foreign.id })).toEqual([foreign]);
  expect((await hive.get(`/v1/nodes/${foreign}`, await token())).status).toBe(404);
});

test('the role decides: a viewer cannot create keys, an admin can, and the key records a stable creator', async () => {
  const post = async (claims: JWTPayload) =>
    request(hive.app)
      .post('/v1/nodes/api-keys')
      .set('authorization', `Bearer ${await token(claims)}`)
      .send({ name: 'by oidc' });
  expect((await post({ role: 'viewer' })).status).toBe(403);
  const made = await Promise.all([post({ role: 'admin' }), post({ role: ['staff', 'admin', 'viewer'] })]);
  expect(made.map(({ status }) => status)).toEqual([201, 201]);
  const makers = made.map(({ body }) => (body as { api_key: { created_by: string } }).api_key.created_by);
  expect(new Set(makers).size).toBe(1);
  expect(makers[0]).toMatch(/^[0-9a-f]{8}-[0-9a-f]{4}-8[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/);
});

test('claims can have other names and be nested', async () => {
  useVerifier({ organizationClaim: 'https://example.test/org', roleClaim: 'realm_access.roles' });
  const claims = { 'https://example.test/org': 'own', organization: 'foreign', realm_access: { roles: ['viewer'] } };
  expect((await answer(await token(claims))).status).toBe(200);
  expect(await answer(await token())).toMatchObject({ status: 401 });
  useVerifier();
});

const refusals: [string, () => Promise<string>, string][] = [
  ['has expired', () => token({ exp: in_(-60) }), 'the token has expired'],
  ['is not valid yet', () => token({ nbf: in_(120) }), "the token's claim nbf is not accepted"],
  ['is for another audience', () => token({ aud: 'other' }), "the token's claim aud is not accepted"],
  ['is of another issuer', () => token({ iss: 'https://other.test' }), "the token's claim iss is not accepted"],
  ['never expires', () => token({ exp: undefined }), "the token's claim exp is not accepted"],
  ['has no subject', () => token({ sub: undefined }), "the token's claim sub is not accepted"],
  ['has no role', () => token({ role: 'owner' }), "the token's claim role has neither viewer nor admin"],
  ['has no role at all', () => token({ role: undefined }), "the token's claim role has neither viewer nor admin"],
  ['names an unknown organisation', () => token({ organization: 'nobody' }), 'names no organisation of this hive'],
  ['names two organisations', () => token({ organization: ['own', 'foreign'] }), 'names no organisation of this hive'],
  ['is not signed', () => Promise.resolve(unsigned()), 'the credential is not valid'],
  ['is signed by nothing', () => Promise.resolve(`${unsigned()}AA`), "the token's algorithm is not accepted"],
  ['is signed with the public key as a shared secret', signedWithPublicKey, "the token's algorithm is not accepted"],
  ['is signed by another key with the same id', signedByOther, 'the credential is not valid'],
  [
    'is signed by a key that the issuer does not have',
    () => token({}, { kid: 'unknown' }),
    'the credential is not valid',
  ],
  ['was changed', changed, 'the credential is not valid'],
  ['is not a JWT', () => Promise.resolve('a.b.c'), 'the credential is not valid'],
];

function unsigned(): string {
  return new UnsecuredJWT({ iss: issuer.url, aud: AUDIENCE, exp: in_(300), ...CLAIMS }).encode();
}
async function signedWithPublicKey(): Promise<string> {
  const secret = new TextEncoder().encode(await exportSPKI(key.publicKey));
  return build({}).setProtectedHeader({ alg: 'HS256', kid: 'first' }).sign(secret);
}
async function signedByOther(): Promise<string> {
  return token({}, { by: await generateKeyPair('ES256') });
}
async function changed(): Promise<string> {
  const [header, , signature] = (await token()).split('.');
  const claims = { iss: issuer.url, aud: AUDIENCE, exp: in_(300), ...CLAIMS, role: 'admin' };
  return [header, Buffer.from(JSON.stringify(claims)).toString('base64url'), signature].join('.');
}

test.each(refusals)('a token that %s is refused', async (_name, make, detail) => {
  const bearer = await make();
  const response = await hive.get('/v1/nodes', bearer);
  expect(response.status).toBe(401);
  expect(response.body).toMatchObject({ code: 'unauthenticated', detail: expect.stringContaining(detail) });
  expect(response.headers['www-authenticate']).toContain('error="invalid_token"');
  expect(hive.logged.join()).not.toContain(bearer);
});

test('a clock that is slightly off does not matter', async () => {
  expect((await answer(await token({ exp: in_(-10), nbf: in_(10) }))).status).toBe(200);
});

test('other asymmetric algorithms are accepted', async () => {
  const rsa = await issuer.addKey('rsa', 'RS256');
  const edwards = await issuer.addKey('edwards', 'Ed25519');
  useVerifier();
  expect((await answer(await token({}, { kid: 'rsa', alg: 'RS256', by: rsa }))).status).toBe(200);
  expect((await answer(await token({}, { kid: 'edwards', alg: 'EdDSA', by: edwards }))).status).toBe(200);
});

test('keys are fetched once, and again for a new key', async () => {
  useVerifier();
  issuer.keyRequests = 0;
  const bearer = await token();
  const answers = await Promise.all(Array.from({ length: 50 }, () => answer(bearer)));
  expect(answers.every(({ status }) => status === 200)).toBe(true);
  expect(issuer.keyRequests).toBe(1);
  const rotated = await token({}, { kid: 'second', by: await issuer.addKey('second') });
  expect((await answer(rotated)).status).toBe(401);
  expect(issuer.keyRequests).toBe(1); // made-up key ids can't make the hive flood its issuer
  const now = Date.now();
  jest.spyOn(Date, 'now').mockImplementation(() => now + 31_000);
  expect((await answer(rotated)).status).toBe(200);
  expect(issuer.keyRequests).toBe(2);
});

test('an unreachable issuer is not mistaken for a wrong token, and tokens with a known key still work', async () => {
  useVerifier();
  const bearer = await token();
  issuer.status = 500;
  const response = await hive.get('/v1/nodes', bearer);
  expect(response.status).toBe(503);
  expect(response.body).toMatchObject({ code: 'issuer_unavailable' });
  expect(response.headers['retry-after']).toBe('5');
  expect((await answer(hive.own.viewer)).status).toBe(200);
  issuer.status = 200;
  await sleep(2100);
  expect((await answer(bearer)).status).toBe(200);

  issuer.status = 500;
  const now = Date.now();
  jest.spyOn(Date, 'now').mockImplementation(() => now + 31_000);
  expect((await answer(await token({}, { kid: 'third' }))).status).toBe(503);
  expect((await answer(bearer)).status).toBe(200);
  issuer.status = 200;
});

test('a discovery document from another issuer is not accepted', async () => {
  issuer.claimsToBe = 'https://other.test';
  useVerifier();
  expect((await answer(await token())).status).toBe(503);
  issuer.claimsToBe = undefined;
  useVerifier();
});

test('without an issuer, a JWT is not a credential', async () => {
  const plain = await startTestHive();
  expect((await plain.get('/v1/nodes', await token())).status).toBe(401);
  await plain.close();
});
