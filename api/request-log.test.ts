import { afterAll, beforeAll, expect, test } from '@jest/globals';
import request from 'supertest';
import { startTestHive, type TestHive } from '../tests/harness/http-api.js';

let hive: TestHive;
beforeAll(async () => {
  hive = await startTestHive();
});
afterAll(() => hive.close());

async function loggedUrl(path: string): Promise<string> {
  hive.logged.splice(0);
  await request(hive.app).get(path);
  const [line = '{}'] = hive.logged;
  return (JSON.parse(line) as { req: { url: string } }).req.url;
}

const NESTED = encodeURIComponent('/search?q=s3cret');

test.each([
  ['/v1/search?q=s3cret&limit=1', '/v1/search?q=…&limit=1'],
  ['/SEARCH?node_id=1&Q=s3cret', '/SEARCH?node_id=1&Q=…'],
  ['/search?%71=s3cret', '/search?q=…'],
  ['/search?q[]=s3cret', '/search?q=…'],
  [`/sign-in?error=refused&return_to=${NESTED}`, '/sign-in?…'],
  [`/Sign-In/?return_to=${NESTED}`, '/Sign-In/?…'],
  [`/%73ign-in?x=${NESTED}`, '/%73ign-in?…'],
  [`/V1/Session/oidc?return_to=${NESTED}`, '/V1/Session/oidc?…'],
  ['/v1/session/oidc/callback?code=s3cret&state=s3cret', '/v1/session/oidc/callback?…'],
  [`/attempts?return%5Fto=${NESTED}`, '/attempts?return_to=…'],
  ['/attempts?state=running', '/attempts?state=running'],
])('what is searched for, and what signs in, is not logged: %s', async (path, logged) => {
  expect(await loggedUrl(path)).toBe(logged);
});
