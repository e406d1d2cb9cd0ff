/** One seed from its first recording to the verdict. */
import { appendFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import pTimeout from 'p-timeout';
import { FaultInjector } from './faults.js';
import { findPgBouncer } from '../harness/pgbouncer.js';
import { storeExists } from './node.js';
import { drawPlan, type FaultKind, type Plan, type PlannedRecording } from './plan.js';
import { Reader } from './reader.js';
import { incompleteAttempts, pendingAttempts, verify, type Verdict } from './verify.js';
import { ChaosWorld } from './world.js';
import { within } from '../harness/until.js';

const SETTLE_MS = 120_000;

export interface SeedResult extends Verdict {
  seed: number;
  kinds: FaultKind[];
  /** Whether a pooler stood between the hives and PostgreSQL. */
  isPooled: boolean;
  /**
   * From the end of the last fault and last command until all attempts were complete; undefined if they did not
   * settle.
   */
  settleSeconds: number | undefined;
  /** The API's answers by status. */
  answers: Record<string, number>;
  seconds: number;
  /** The run's files; only present if the seed failed. */
  directory?: string;
}

export function hasFailed({ settleSeconds, incomplete, faults }: SeedResult): boolean {
  return settleSeconds === undefined || incomplete > 0 || faults.length > 0;
}

/**
 * @param stopping ends the run early, and nothing is left behind
 * @throws the reason with which `stopping` was aborted
 */
export async function runSeed(seed: number, stopping?: AbortSignal): Promise<SeedResult> {
  const started = Date.now();
  const plan = drawPlan(seed);
  const program = plan.pooler ? await findPgBouncer() : 'not drawn';
  const pooler = typeof program === 'string' ? undefined : { program, mode: 'transaction' as const };
  const world = await ChaosWorld.create({ name: String(seed), nodes: plan.nodes, ...(pooler && { pooler }) });
  let failed = true;
  try {
    writeFileSync(join(world.directory, 'plan.json'), JSON.stringify(plan, null, 2));
    const result = await pTimeout(strikeAndVerify(world, plan), {
      milliseconds: Infinity,
      ...(stopping && { signal: stopping }),
    });
    const seconds = Math.round((Date.now() - started) / 1000);
    failed = hasFailed({ ...result, seconds });
    return { ...result, seconds, ...(failed && { directory: world.directory }) };
  } finally {
    await world.end({ keep: failed && !stopping?.aborted });
  }
}

async function strikeAndVerify(world: ChaosWorld, plan: Plan): Promise<Omit<SeedResult, 'seconds'>> {
  const start = Date.now();
  const note = (event: string) =>
    appendFileSync(join(world.directory, 'events.log'), `${((Date.now() - start) / 1000).toFixed(1)} ${event}\n`);
  for (const recording of plan.offline) await record(world, recording);
  await Promise.all(world.nodes.map((node) => node.recorded()));
  await Promise.all(world.nodes.map((node) => storeExists(node)));
  await world.startHives();
  note('hives are ready');
  const reader = new Reader(world);
  reader.start();
  for (const node of world.nodes) node.connect();
  await Promise.all([
    new FaultInjector(world, note).strike(plan.faults),
    ...plan.live.map(async (recording) => {
      await sleep(recording.atMs);
      await record(world, recording);
    }),
  ]);
  await Promise.all(world.nodes.map((node) => node.recorded()));
  note('faults and commands are over');
  let unsettled = '';
  const settled = await within(SETTLE_MS, async () => {
    const lacking = JSON.stringify([await incompleteAttempts(world), await pendingAttempts(world)]);
    if (lacking !== unsettled) note(`incomplete at their node, pending at the hive: ${lacking}`);
    unsettled = lacking;
    return lacking === '[[],[]]';
  });
  note(settled === undefined ? 'not settled' : 'settled');
  await reader.stop();
  const verdict = await verify(world);
  return {
    ...verdict,
    faults: [...verdict.faults, ...reader.faults],
    seed: plan.seed,
    kinds: plan.faults.map(({ kind }) => kind),
    isPooled: world.pooler !== undefined,
    settleSeconds: settled === undefined ? undefined : settled / 1000,
    answers: Object.fromEntries(reader.answers),
  };
}

async function record(world: ChaosWorld, { node, attempt, output }: PlannedRecording): Promise<void> {
  await world.nodes[node]?.record(attempt, output);
}
