/** What only PostgreSQL would refuse must not get there: each value is taken, or refused by an answer that names it. */
import { randomUUID } from 'node:crypto';
import { once } from 'node:events';
import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { WebSocket } from 'ws';
import { startTestGateway, type TestGateway } from '../tests/harness/test-gateway.js';
import { ScriptedV1Node } from '../tests/harness/scripted-v1-node.js';

let hive: TestGateway;
beforeAll(async () => {
  hive = await startTestGateway();
});
afterAll(() => hive.stop());

/** Letters that can't be compressed, so that they don't fit into an index. */
const manyLetters = (count: number) =>
  Array.from({ length: count }, (_, index) =>
    String.fromCharCode(0x4e00 + ((index * index * 7919 + index * 31) % 0x5000)),
  ).join('');
const TEXTS = ['', '\0', 'a\0b', '\uD800', '\uFFFF', '𝒳', 'x'.repeat(256), manyLetters(64), manyLetters(1024), "'--"];
const VALUES: unknown[] = [...TEXTS, null, 0, -1, 1e300, 2 ** 31, 2 ** 63, 1.5, true, [], {}, ['\0', '\uD800']];
const FIELDS = {
  1: ['api_key', 'machine_id', 'name', 'public_url', 'capabilities', 'protocol_version'],
  2: ['api_key', 'machine_id', 'name', 'public_url', 'capabilities', 'protocol_version'],
};
const CAPABILITIES = ['executors', 'max_concurrent_tasks', 'os', 'arch', 'version'];

/** @returns the answer to the login; undefined if the socket was closed without one */
async function logIn(data: Record<string, unknown>): Promise<Record<string, unknown> | undefined> {
  const ws = new WebSocket(`${hive.url.replace('http', 'ws')}/v1/nodes/ws`);
  try {
    await once(ws, 'open');
    ws.send(JSON.stringify({ type: 'auth', data }));
    const [first] = (await Promise.race([once(ws, 'message'), once(ws, 'close')])) as [Buffer | number];
    if (typeof first === 'number') return undefined;
    return (JSON.parse(first.toString()) as { data: Record<string, unknown> }).data;
  } finally {
    ws.terminate();
  }
}

test.each([1, 2] as const)(
  'a login of version %i with a hostile value is admitted, or refused by name',
  async (version) => {
    const faults: object[] = [];
    let admitted = 0;
    const attempt = async (field: string, change: (data: Record<string, unknown>) => object) => {
      const { secret } = await hive.newKey();
      const data = { api_key: secret, machine_id: randomUUID(), name: 'node', public_url: null, capabilities: {} };
      const changed = change({ ...data, protocol_version: version }) as Record<string, unknown>;
      const answer = await logIn(changed);
      if (answer?.['success'] === true) admitted++;
      else if (
        !/invalid API key|mismatch/.test(String(answer?.['error'])) &&
        !String(answer?.['error']).includes(field)
      ) {
        faults.push({ field, value: JSON.stringify(changed[field] ?? changed['capabilities']).slice(0, 60), answer });
      }
    };
    for (const value of VALUES) {
      for (const field of FIELDS[version]) await attempt(field, (data) => ({ ...data, [field]: value }));
      for (const name of CAPABILITIES) await attempt(name, (data) => ({ ...data, capabilities: { [name]: value } }));
    }
    expect(faults).toEqual([]);
    expect(admitted).toBeGreaterThan(50);
  },
);

test('a task of a version 1 node with hostile texts is stored, and its socket stays', async () => {
  const node = new ScriptedV1Node((await hive.newKey()).secret);
  await node.connect(hive.url);
  for (const text of TEXTS.filter((title) => title !== '')) {
    const id = randomUUID();
    node.send('task_sync', {
      local_task_id: id,
      shared_task_id: null,
      local_project_id: randomUUID(),
      title: text,
      description: text,
      status: 'todo',
      version: Number.MAX_SAFE_INTEGER,
      created_at: '+010000-01-01T00:00:00Z',
      updated_at: '0000-01-01T00:00:00Z',
    });
    expect(await node.next('task_sync_response')).toMatchObject({ local_task_id: id, success: true });
  }
  node.drop();
});
