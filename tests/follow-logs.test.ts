/**
 * `hive logs -f` behind a load balancer, while its hives are killed and restarted one after the other: each line that the
 * command printed comes out once, and in its order.
 */
import { createHash } from 'node:crypto';
import { once } from 'node:events';
import { writeFile } from 'node:fs/promises';
import { connect, createServer, type AddressInfo, type Server } from 'node:net';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { runHive } from './harness/processes.js';
import { until } from './harness/until.js';
import { World, type HiveHandle } from './harness/world.js';

const LINES = 4000;
/**
 * Prints lines for some 20 s, the last without a newline. It keeps some until the file exists that its argument names:
 * whoever follows comes before the end, however long that takes.
 */
const PRINTER = `
const { existsSync } = require('node:fs');
let line = 0;
const timer = setInterval(() => {
  const last = existsSync(process.argv[1]) ? ${LINES} : ${LINES} - 100;
  for (let count = 0; count < 20 && line < last; count++) process.stdout.write('line ' + ++line + ' é' + (line < ${LINES} ? '\\n' : ''));
  if (line === ${LINES}) clearInterval(timer);
}, 100);`;

let world: World;
/** Those that take connections, the preferred one first. */
let hives: HiveHandle[] = [];
let balancer: Server;
let url: string;

beforeAll(async () => {
  world = await World.create();
  hives = await Promise.all([world.startHive(), world.startHive({ env: { HIVE_INSTANCE_ID: 'second' } })]);
  balancer = createServer((client) => {
    const port = Number(new URL(hives[0]?.url ?? 'http://127.0.0.1:1').port);
    const server = connect(port, '127.0.0.1');
    client.pipe(server).pipe(client);
    for (const socket of [client, server]) {
      socket.on('error', () => undefined);
      socket.on('close', () => (client.destroy(), server.destroy()));
    }
  }).listen(0, '127.0.0.1');
  await once(balancer, 'listening');
  url = `http://127.0.0.1:${(balancer.address() as AddressInfo).port}`;
});

afterAll(async () => {
  await world.stop();
  balancer.close();
});

/** The hive goes away; the other takes over, and a new one comes. */
async function replaceFirst(signal: NodeJS.Signals): Promise<void> {
  const [first, ...others] = hives;
  hives = others;
  await first?.program.kill(signal);
  hives = [...others, await world.startHive({ isWaitedFor: false })];
}

const hash = (text: string) => createHash('sha256').update(text).digest('hex');

test('every line comes once through the kill of a hive and a restart of all', async () => {
  const go = join(world.directory, 'go');
  const agent = world.newAgent();
  agent.connect(url, await world.newKey());
  const recorder = agent.startRecording([process.execPath, '-e', PRINTER, go]);
  const attempt = await recorder.attemptId;
  const env = { HIVE_URL: url, HIVE_TOKEN: await world.adminToken() };
  await until(async () => (await runHive(['logs', attempt.slice(0, 13), '--tail', '1'], env)).stdout !== '');

  const follow = (...options: string[]) => runHive(['logs', '-f', attempt, ...options], env);
  const following = Promise.all([follow('--exit-status'), follow('--json'), follow('--tail', '5')]);
  for (const signal of ['SIGKILL', 'SIGTERM', 'SIGTERM'] as const) await replaceFirst(signal);
  await writeFile(go, '');
  const [text, json, tail] = await following;

  const expected = Array.from({ length: LINES }, (_, line) => `line ${line + 1} é\n`);
  expect({ status: text.status, hash: hash(text.stdout) }).toEqual({ status: 0, hash: hash(expected.join('')) });
  const seqs = json.stdout
    .trimEnd()
    .split('\n')
    .map((line) => (JSON.parse(line) as { seq: number }).seq);
  expect(seqs).toEqual(expected.map((_, line) => line + 1));
  const rest = tail.stdout.split('\n').length - 1;
  expect(rest).toBeGreaterThan(5);
  expect(tail.stdout).toBe(expected.slice(-rest).join(''));
  expect([text.stderr, json.stderr, tail.stderr].join('')).not.toMatch(/lost|Error/);
});
