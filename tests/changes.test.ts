/**
 * A poller of /v1/changes behind a load balancer: two hives, one of which is killed twice, while 50 nodes whose clocks
 * stand anywhere between 1970 and 2099 bring 10,000 attempts in any order.
 */
import { randomUUID } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, expect, test } from '@jest/globals';
import type { AttemptSync } from '../protocol/frames.js';
import { attemptFrame, ScriptedNode } from './harness/scripted-node.js';
import { within } from './harness/until.js';
import { World, type HiveHandle } from './harness/world.js';

const NODES = 50;
const ATTEMPTS_EACH = 200;
/** A hive is killed when the poller has seen so many attempts. */
const KILL_AT = [2000, 5000];
/** Nodes rest when so many are acknowledged, until the first, the second kill is over. */
const ALLOWED = [4000, 7000, Infinity];
const BATCH = 20;
const FIRST_YEAR = 1970;
const LAST_YEAR = 2099;

let world: World;
let hives: [HiveHandle, HiveHandle];
let kills = 0;
let acknowledged = 0;

beforeAll(async () => {
  world = await World.create();
  const env = { HIVE_RECONCILE_INTERVAL_SECONDS: '3600' };
  hives = [await world.startHive({ env }), await world.startHive({ env })];
});
afterAll(() => world.stop());

/** A node that brings its attempts in any order, to whichever hive takes it. */
class Bringer {
  readonly #left = new Map<string, AttemptSync>();
  readonly #machineId = randomUUID();
  readonly #key: string;

  constructor(key: string, number: number) {
    this.#key = key;
    for (let count = 0; count < ATTEMPTS_EACH; count++) {
      const year = FIRST_YEAR + ((number * ATTEMPTS_EACH + count) % (LAST_YEAR - FIRST_YEAR + 1));
      const created_at = `${year}-06-01T00:00:00Z`;
      const attempt = attemptFrame({ execution_count: 0, created_at, updated_at: created_at });
      this.#left.set(attempt.attempt_id, attempt);
    }
  }

  get ids(): string[] {
    return [...this.#left.keys()];
  }

  async bring(): Promise<void> {
    while (this.#left.size > 0) {
      const hive = hives[Math.random() < 0.5 ? 0 : 1];
      const node = await ScriptedNode.connect(hive.url, this.#key, this.#machineId).catch(() => undefined);
      if (node) await this.#send(node).finally(() => node.ws.terminate());
      else await sleep(200);
    }
  }

  async #send(node: ScriptedNode): Promise<void> {
    while (this.#left.size > 0) {
      while (acknowledged >= (ALLOWED[kills] ?? Infinity)) await sleep(50);
      const batch = [...this.#left.values()].toSorted(() => Math.random() - 0.5).slice(0, BATCH);
      const waited = new Set(batch.map(({ attempt_id }) => attempt_id));
      for (const attempt of batch) node.send('attempt_sync', attempt);
      while (waited.size > 0) {
        const frame = await node.nextFrame();
        if (!frame) return;
        if (frame.type !== 'sync_ack') continue;
        acknowledged++;
        waited.delete(frame.data.attempt_id);
        this.#left.delete(frame.data.attempt_id);
      }
    }
  }
}

interface Page {
  changes: { position: number; attempt_id: string; attempt: { created_at: string } | null }[];
  next_position: number;
  has_more: boolean;
}

/** Asks one hive after the other, and goes on with the other one when one does not answer. */
class Poller {
  readonly seen = new Map<string, number>();
  readonly years = new Set<string>();
  outOfOrder = 0;
  #position = 0;
  #turn = 0;

  async poll(): Promise<boolean> {
    const hive = hives[(this.#turn = 1 - this.#turn) as 0 | 1];
    const page = await world.get<Page>(hive, `/v1/changes?after=${this.#position}&limit=300`).catch(() => undefined);
    if (!page) return false;
    for (const { position, attempt_id, attempt } of page.changes) {
      if (position <= this.#position) this.outOfOrder++;
      this.#position = position;
      this.seen.set(attempt_id, position);
      this.years.add(attempt?.created_at.slice(0, 4) ?? 'none');
    }
    if (page.next_position !== this.#position) this.outOfOrder++;
    return page.has_more;
  }
}

test('a poller sees every attempt, in the order of positions, whatever happens to a hive', async () => {
  const bringers: Bringer[] = [];
  for (let number = 0; number < NODES; number++) bringers.push(new Bringer(await world.newKey(), number));
  const ids = new Set(bringers.flatMap((bringer) => bringer.ids));
  const poller = new Poller();
  const progress = { isBrought: false };
  const brought = Promise.all(bringers.map((bringer) => bringer.bring())).finally(() => (progress.isBrought = true));
  let restarting: Promise<void> | undefined;
  while (!progress.isBrought) {
    if (restarting === undefined && poller.seen.size >= (KILL_AT[kills] ?? Infinity)) {
      restarting = killAndRestart().finally(() => {
        kills++;
        restarting = undefined;
      });
    }
    if (!(await poller.poll())) await sleep(50);
  }
  await brought;
  expect(kills).toBe(KILL_AT.length);
  // one of the hives may only just start, and thousands may be left to be polled
  await within(60_000, async () => !(await poller.poll()) && poller.seen.size >= ids.size, 0);
  expect([...ids].filter((id) => !poller.seen.has(id))).toEqual([]);
  expect([poller.seen.size, poller.outOfOrder]).toEqual([NODES * ATTEMPTS_EACH, 0]);
  expect(poller.years.size).toBe(LAST_YEAR - FIRST_YEAR + 1);
}, 240_000);

async function killAndRestart(): Promise<void> {
  const { program, url } = hives[1];
  await program.kill('SIGKILL');
  const env = { HIVE_RECONCILE_INTERVAL_SECONDS: '3600' };
  hives[1] = await world.startHive({ port: Number(new URL(url).port), env, isWaitedFor: false });
}
