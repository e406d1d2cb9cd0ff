/** Messages in several frames, which no original node sends: `ws` holds them whole, in a place of their own. */
import { randomUUID } from 'node:crypto';
import { once } from 'node:events';
import { afterEach, beforeEach, expect, test } from '@jest/globals';
import { WebSocket } from 'ws';
import { startTestGateway, type TestGateway } from '../../tests/harness/test-gateway.js';
import { until } from '../../tests/harness/until.js';
import { LARGE_MESSAGE_BYTES, LARGE_MESSAGE_LIMITS, LargeMessages } from './large-messages.js';

let places: LargeMessages;
let hive: TestGateway;
let ws: WebSocket;
/** What the hive has sent since the login: the types of its frames, and the reasons of closes. */
let seen: string[];

beforeEach(async () => {
  places = new LargeMessages({ ...LARGE_MESSAGE_LIMITS, minRate: 100_000, rateMs: 50 });
  hive = await startTestGateway({ largeMessages: places });
  seen = [];
  ws = new WebSocket(`${hive.url.replace('http', 'ws')}/v1/nodes/ws`, { perMessageDeflate: false });
  await once(ws, 'open');
  ws.on('message', (data: Buffer) => {
    const { type, data: content } = JSON.parse(data.toString()) as { type: string; data: { reason?: string } };
    seen.push(content.reason ?? type);
  });
  const data = { api_key: (await hive.newKey()).secret, machine_id: randomUUID(), name: 'node', capabilities: {} };
  ws.send(JSON.stringify({ type: 'auth', data: { ...data, protocol_version: 1 } }));
  await until(() => seen.includes('auth_result'));
});
afterEach(async () => {
  ws.terminate();
  await hive.stop();
});

const applicant = { organizationId: 'another', bytes: LARGE_MESSAGE_LIMITS.totalBytes, arrived: () => undefined };
const nothing = () => undefined;
/** Takes all memory, or waits for it. */
const takeAll = (admitted = nothing) =>
  [1, 2].map((share) => places.take({ ...applicant, organizationId: `another ${share}`, admitted, refused: nothing }));
const beat = () => ws.send(JSON.stringify({ type: 'heartbeat', data: { status: 'online', timestamp: new Date() } }));

test('a message that is complete before it gets its place does not leave the socket unread', async () => {
  const releases = takeAll();
  ws.send(' '.repeat(LARGE_MESSAGE_BYTES - 10), { fin: false });
  ws.send(' '.repeat(20), { fin: true });
  for (const acks of [1, 2]) {
    beat();
    await until(() => seen.filter((type) => type === 'heartbeat_ack').length === acks);
  }
  for (const release of releases) release();
});

test('a message that trickles loses its place while others wait', async () => {
  ws.send(' '.repeat(2 * LARGE_MESSAGE_BYTES), { fin: false });
  let admitted = 0;
  await until(() => {
    admitted = 0;
    const releases = takeAll(() => {
      admitted++;
    });
    if (admitted === 1) return true; // the message has its place, and another one waits
    for (const release of releases) release();
    return false;
  });
  const trickle = setInterval(() => ws.send(' ', { fin: false }), 10);
  await until(() => seen.some((reason) => reason.includes('arrived too slowly')));
  clearInterval(trickle);
  expect(admitted).toBe(2);
});
