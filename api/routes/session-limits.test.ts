/** How often an address may be refused by what signs in, and a credential ask who it is. */
import { expect, test } from '@jest/globals';
import request from 'supertest';
import { cookieFor, FROM_CONSOLE, signIn } from '../../tests/harness/console-session.js';
import { startTestHive } from '../../tests/harness/http-api.js';

test('signing in is limited for each address', async () => {
  const limited = await startTestHive({ limits: { failedLoginsPerMinute: 3 } });
  try {
    const statuses: number[] = [];
    for (let n = 0; n < 5; n++) {
      const response = await request(limited.app)
        .post('/v1/session')
        .send({ token: `wrong ${n}` });
      statuses.push(response.status);
    }
    expect(statuses).toEqual([401, 401, 401, 429, 429]);
  } finally {
    await limited.close();
  }
});

test('signing in is limited for refusals only', async () => {
  const limited = await startTestHive({ limits: { failedLoginsPerMinute: 3 } });
  try {
    for (let n = 0; n < 5; n++) await cookieFor(limited.app, limited.own.viewer);
    for (let n = 0; n < 5; n++) expect((await signIn(limited.app, {})).status).toBe(400);
    const statuses = [];
    for (let n = 0; n < 5; n++) statuses.push((await signIn(limited.app, { token: 'wrong' })).status);
    expect(statuses).toEqual([401, 401, 401, 429, 429]);
  } finally {
    await limited.close();
  }
});

test.each([
  ['asking who is signed in', 'get', 200],
  ['signing out', 'delete', 204],
] as const)('the limit has no way around it by %s', async (_how, method, status) => {
  const limited = await startTestHive({ limits: { failedLoginsPerMinute: 3, requestsPerMinute: 4 } });
  try {
    const ask = (headers: Record<string, string>) => request(limited.app)[method]('/v1/session').set(headers);
    const statuses = async (headers: Record<string, string>) => {
      const all = [];
      for (let n = 0; n < 5; n++) all.push((await ask(headers)).status);
      return all;
    };
    expect(await statuses({})).toEqual(Array(5).fill(status));
    const wrong = { cookie: `hivesync_session=${'a'.repeat(43)}`, ...FROM_CONSOLE };
    expect([...(await statuses(wrong)).slice(0, 3), (await ask({ authorization: 'Bearer wrong' })).status]).toEqual([
      ...Array<number>(3).fill(status),
      429,
    ]);
    const good = { authorization: `Bearer ${limited.own.viewer}` };
    expect(await statuses(good)).toEqual([...Array<number>(4).fill(status), 429]);
  } finally {
    await limited.close();
  }
});
