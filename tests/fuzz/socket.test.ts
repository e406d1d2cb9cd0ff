/** Ten thousand frames that break the protocol: each is answered as promised, and other nodes are not affected. */
import { randomUUID } from 'node:crypto';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { createNodeApiKey } from '../../prisma/queries/node-api-key.js';
import { ensureOrganization } from '../../prisma/queries/organization.js';
import { MAX_FAULTS_PER_MINUTE } from '../../protocol/limits.js';
import { projectRoot } from '../../workers/project-root.js';
import { attemptOf, logOf, recordedLog, untilComplete } from '../harness/api.js';
import { hashLines, type NodeAgent } from '../harness/node-agent.js';
import { attemptFrame, executionFrame, ScriptedNode } from '../harness/scripted-node.js';
import { World, type HiveHandle } from '../harness/world.js';
import { drawBadFrames, type BadFrame, type Ids } from './bad-frames.js';

const FRAMES = 10_000;
/** Sockets at once. Half of them belong to another organisation. */
const ATTACKERS = 16;
/** Frames of each attacker before memory is first measured: a fifth of all its frames. */
const WARM_UP = FRAMES / ATTACKERS / 5;
const LINES = 50_000;
const SEED = 20_261_124;

/** Frames that come unasked: a page that left a gap makes the hive ask for what it lacks. */
const HIVES_OWN = new Set(['describe_attempt', 'read_logs', 'grant', 'cancel', 'close', 'marker']);

let world: World;
let hive: HiveHandle;

beforeAll(async () => {
  world = await World.create();
  const NODE_OPTIONS = `--expose-gc --import ${join(projectRoot(), 'tests', 'harness', 'collect-garbage.mjs')}`;
  hive = await world.startHive({ env: { NODE_OPTIONS } });
});

afterAll(async () => world.stop());

/** A machine with its own key that misbehaves on one socket after another. */
class Attacker {
  readonly #apiKey: string;
  readonly seen: Record<string, number> = {};
  sockets = 0;
  readonly #machineId = randomUUID();
  readonly attempt = attemptFrame();
  readonly execution = executionFrame(this.attempt);

  constructor(apiKey: string) {
    this.#apiKey = apiKey;
  }

  async send(frames: BadFrame[]): Promise<void> {
    let node: ScriptedNode | undefined;
    let faults = 0;
    for (const frame of frames) {
      if (!node) {
        node = await this.#connect();
        faults = 0;
      }
      node.ws.send(frame.payload);
      const answer = await this.#answer(node, frame);
      this.seen[`${frame.kind}: ${answer}`] = (this.seen[`${frame.kind}: ${answer}`] ?? 0) + 1;
      if (answer === 'error') faults++;
      if (faults < MAX_FAULTS_PER_MINUTE && answer !== 'closed') continue;
      const { reason } = await node.untilClosed();
      if (answer !== 'closed') expect(reason).toBe('too many faulty frames');
      node = undefined;
    }
    node?.close();
  }

  async #connect(): Promise<ScriptedNode> {
    this.sockets++;
    const node = await ScriptedNode.connect(hive.url, this.#apiKey, this.#machineId, []);
    node.send('attempt_sync', this.attempt);
    node.send('execution_sync', this.execution);
    await node.next('log_ack');
    await node.next('sync_ack'); // in either order
    node.received.length = 0;
    return node;
  }

  /** Waits for the answering frame or the end of the socket. What the hive asks for by itself stays unanswered. */
  async #answer(node: ScriptedNode, { kind, answer }: BadFrame): Promise<string> {
    let got = await node.nextFrame();
    while (got && HIVES_OWN.has(got.type)) got = await node.nextFrame();
    expect({ kind, answer: got?.type ?? 'closed' }).toEqual({ kind, answer });
    if (got?.type === 'error') expect(got.data.error).not.toBe('');
    expect(node.received.filter(({ type }) => !HIVES_OWN.has(type))).toEqual([]); // one answer each
    return answer;
  }
}

async function createAttackers(): Promise<Attacker[]> {
  const other = await ensureOrganization(world.database, 'other');
  return Promise.all(
    Array.from({ length: ATTACKERS }, async (_, index) => {
      if (index % 2 === 0) return new Attacker(await world.newKey());
      const key = await createNodeApiKey(world.database, { organizationId: other.id, name: 'attacker' });
      return new Attacker(key.secret);
    }),
  );
}

interface Memory {
  /** What the process still refers to after a garbage collection. */
  liveMiB: number;
  /** What the operating system counts, including fragments that the allocator keeps. */
  residentMiB: number;
}

function memory(): Promise<Memory> {
  hive.program.child.kill('SIGUSR2');
  return hive.program.message<Memory>();
}

async function expectEqual(agent: NodeAgent, attemptId: string, lines: number): Promise<void> {
  await untilComplete(world, hive, attemptId);
  const entries = await logOf(world, hive, attemptId);
  expect(entries).toHaveLength(lines);
  expect(hashLines(entries)).toBe(hashLines(recordedLog(agent, await attemptOf(world, hive, attemptId))));
}

test('10,000 bad frames are answered or end their socket, while a backfill runs undisturbed', async () => {
  const agent = world.newAgent();
  const { attemptId } = await agent.record(['seq', '-f', 'line %g of another node', '1', String(LINES)]);
  const victim = await createVictim();
  const attackers = await createAttackers();
  const frames = attackers.map((attacker, index) =>
    drawBadFrames(idsOf(attacker, victim), FRAMES / ATTACKERS, SEED + index),
  );
  const cold = await memory();
  const attack = (from: number, to: number) =>
    Promise.all(attackers.map((attacker, index) => attacker.send((frames[index] ?? []).slice(from, to))));
  // what a process takes once and keeps (heap size, compiled code, its threads' buffers) is not a leak
  await attack(0, WARM_UP);
  const before = await memory();

  const attacked = attack(WARM_UP, FRAMES / ATTACKERS);
  agent.connect(hive.url, await world.newKey());
  await expectEqual(agent, attemptId, LINES);
  await attacked;

  const seen = attackers.flatMap((attacker) => Object.values(attacker.seen)).reduce((sum, count) => sum + count, 0);
  expect(seen).toBe(FRAMES);
  expect(hive.program.hasExited).toBe(false);
  await expectNothingStored(attackers, victim.execution_id);
  const after = await memory();
  report(attackers, { cold, before, after });
  expect(after.liveMiB).toBeLessThan(before.liveMiB + 16);
  expect(after.residentMiB).toBeLessThan(before.residentMiB + 128);
}, 180_000);

function idsOf({ attempt, execution }: Attacker, victim: { attempt_id: string; execution_id: string }): Ids {
  return {
    ownAttempt: attempt.attempt_id,
    ownExecution: execution.execution_id,
    foreignAttempt: victim.attempt_id,
    foreignExecution: victim.execution_id,
  };
}

/** Makes an attempt of a connected node, which the attackers then claim as theirs. */
async function createVictim(): Promise<{ attempt_id: string; execution_id: string }> {
  const node = await ScriptedNode.connect(hive.url, await world.newKey());
  const attempt = attemptFrame();
  const execution = executionFrame(attempt);
  node.send('attempt_sync', attempt);
  node.send('execution_sync', execution);
  await node.next('log_ack');
  return { attempt_id: attempt.attempt_id, execution_id: execution.execution_id };
}

async function expectNothingStored(attackers: Attacker[], victimExecution: string): Promise<void> {
  const executionIds = [...attackers.map(({ execution }) => execution.execution_id), victimExecution];
  expect(await world.database.logPage.count({ where: { executionId: { in: executionIds } } })).toBe(0);
  // those of the attackers, of the victim, and the backfilled one
  expect(await world.database.attempt.count()).toBe(attackers.length + 2);
  expect(await world.database.execution.count()).toBe(attackers.length + 2);
}

function report(attackers: Attacker[], memories: Record<string, Memory>): void {
  const kinds: Record<string, number> = {};
  for (const { seen } of attackers)
    for (const [kind, count] of Object.entries(seen)) kinds[kind] = (kinds[kind] ?? 0) + count;
  const sockets = attackers.reduce((sum, attacker) => sum + attacker.sockets, 0);
  process.stdout.write(`${JSON.stringify({ sockets, memories, kinds })}\n`);
}
