/** How each kind of fault is caused. Every fault is undone at its end: afterwards everything runs and is connected. */
import { execFile } from 'node:child_process';
import { setTimeout as sleep } from 'node:timers/promises';
import { promisify } from 'node:util';
import type { ChaosHive } from './hive.js';
import type { ChaosNode } from './node.js';
import { HIVES, type FaultKind, type PlannedFault } from './plan.js';
import type { ServerName } from '../harness/servers.js';
import { within } from '../harness/until.js';
import type { ChaosWorld } from './world.js';

const HOUR_MS = 3_600_000;
/** A pause that nodes and leases notice, and one that everything has given up. */
const SHORT_FREEZE_MS = 20_000;
const LONG_FREEZE_MS = 120_000;
const READ_ONLY_MS = 30_000;
const run = promisify(execFile);

/** What a fault acts on. Two faults on the same thing strike one after the other. */
interface Target {
  world: ChaosWorld;
  fault: PlannedFault;
  hive: ChaosHive;
  node: ChaosNode;
}

type Strike = (target: Target) => Promise<void>;

const STRIKES: Record<FaultKind, { on: (fault: PlannedFault) => string; strike: Strike }> = {
  hive_killed: { on: onHive, strike: (target) => replaceHive(target, 'SIGKILL') },
  hive_stopped: { on: onHive, strike: (target) => replaceHive(target, 'SIGTERM') },
  node_killed: { on: onNode, strike: killNode },
  recorder_killed: { on: onNode, strike: killRecorder },
  node_socket_cut: { on: onNode, strike: cutNodeSocket },
  node_socket_stalled: { on: onNode, strike: ({ node, fault }) => stall(node.proxy, fault.forMs) },
  lease_moved: { on: onNode, strike: moveLease },
  database_socket_cut: { on: () => 'database', strike: cutDatabaseSocket },
  database_socket_stalled: {
    on: () => 'database',
    strike: ({ world, fault }) => stall(world.databaseProxy, fault.forMs),
  },
  postgres_restarted: { on: () => 'postgres', strike: (target) => restart(target, 'postgres') },
  postgres_killed: { on: () => 'postgres', strike: (target) => kill(target, 'postgres') },
  temporal_restarted: { on: () => 'temporal', strike: (target) => restart(target, 'temporal') },
  temporal_killed: { on: () => 'temporal', strike: (target) => kill(target, 'temporal') },
  clock_shifted: { on: onNode, strike: shiftClock },
  store_restored: { on: onNode, strike: restoreStore },
  execution_added: { on: onNode, strike: addExecution },
  disk_full: { on: onNode, strike: fillDisk },
  hive_frozen: { on: onHive, strike: freezeHive },
  hive_clock_set_back: { on: onHive, strike: setHiveClockBack },
  database_read_only: { on: () => 'postgres', strike: makeReadOnly },
  schedule_deleted: { on: () => 'temporal', strike: ({ world }) => world.deleteSchedules() },
  temporal_emptied: { on: () => 'temporal', strike: emptyTemporal },
};

/** Lets the faults of a plan strike at their times. */
export class FaultInjector {
  readonly #world: ChaosWorld;
  readonly #note: (event: string) => void;
  readonly #busy = new Map<string, Promise<void>>();

  constructor(world: ChaosWorld, note: (event: string) => void) {
    this.#world = world;
    this.#note = note;
  }

  /** Resolves when all faults are over. */
  async strike(faults: PlannedFault[]): Promise<void> {
    const start = Date.now();
    await Promise.all(
      faults.map(async (fault) => {
        await sleep(Math.max(0, start + fault.atMs - Date.now()));
        const { on } = STRIKES[fault.kind];
        const what = on(fault);
        const turn = (this.#busy.get(what) ?? Promise.resolve()).then(() => this.#strike(fault));
        this.#busy.set(what, turn);
        await turn;
      }),
    );
  }

  async #strike(fault: PlannedFault): Promise<void> {
    const world = this.#world;
    const [hive, node] = [world.hives[fault.hive], world.nodes[fault.node]];
    if (!hive || !node) throw new Error('the plan names a hive or node that does not exist');
    this.#note(`${fault.kind} begins`);
    await STRIKES[fault.kind].strike({ world, fault, hive, node });
    this.#note(`${fault.kind} ends`);
  }
}

function onHive({ hive }: PlannedFault): string {
  return `hive ${hive}`;
}

function onNode({ node }: PlannedFault): string {
  return `node ${node}`;
}

async function replaceHive({ world, fault, hive }: Target, signal: NodeJS.Signals): Promise<void> {
  await hive.end(signal);
  // as with or without a load balancer
  if (fault.other) routeAway(world, fault.hive);
  await sleep(fault.forMs);
  await hive.start();
}

/** The process stops in the middle of whatever it does, with its connections open. */
async function freezeHive({ world, hive, fault }: Target): Promise<void> {
  const frozen = hive.freeze();
  // a load balancer sees that it does not answer; in a short pause it does not
  if (fault.other) routeAway(world, fault.hive);
  await sleep(fault.other ? LONG_FREEZE_MS : SHORT_FREEZE_MS);
  hive.thaw(frozen);
}

async function setHiveClockBack({ hive, fault }: Target): Promise<void> {
  hive.shiftClock(-HOUR_MS);
  await sleep(fault.forMs);
  if (fault.other) hive.shiftClock(0);
}

/** As after a failover: open connections live on, and nothing can be written. */
async function makeReadOnly({ world }: Target): Promise<void> {
  await world.setReadOnly(true);
  await sleep(READ_ONLY_MS);
  await world.setReadOnly(false);
}

/** Temporal has lost everything: namespace settings, schedules, running workflows. */
async function emptyTemporal({ world, fault }: Target): Promise<void> {
  await world.servers.stop('temporal');
  await world.servers.forgetTemporal();
  await sleep(fault.forMs);
  await world.servers.start('temporal');
}

async function killNode({ node, fault }: Target): Promise<void> {
  await node.disconnect('SIGKILL');
  await sleep(fault.forMs);
  node.connect();
}

async function killRecorder({ node, fault }: Target): Promise<void> {
  await within(fault.forMs, () => node.running.length > 0, 50);
  const [recording] = node.running;
  if (recording) node.killRecorder(recording, 'recorder_killed');
}

async function cutNodeSocket({ node, fault }: Target): Promise<void> {
  node.proxy.refuse(true);
  if (fault.other) await sleep(fault.forMs);
  node.proxy.refuse(false);
}

async function stall(proxy: ChaosNode['proxy'], ms: number): Promise<void> {
  proxy.stall();
  await sleep(ms);
  proxy.resume();
}

/** The node comes back at the other hive; the first one may still believe that it has the socket. */
async function moveLease({ node, fault }: Target): Promise<void> {
  node.route.hive = otherHive(node.route.hive);
  if (fault.other) node.proxy.orphan();
  else node.proxy.cut();
  await sleep(fault.forMs);
  node.proxy.release();
}

async function cutDatabaseSocket({ world, fault }: Target): Promise<void> {
  world.databaseProxy.refuse(true);
  if (fault.other) await sleep(fault.forMs);
  world.databaseProxy.refuse(false);
}

async function restart({ world, fault }: Target, server: ServerName): Promise<void> {
  await world.servers.stop(server);
  await sleep(fault.forMs);
  await world.servers.start(server);
}

/** The server's supervisor starts it again within a second. */
async function kill({ world }: Target, server: ServerName): Promise<void> {
  await world.servers.kill(server);
  await sleep(2000);
}

async function shiftClock({ node, fault }: Target): Promise<void> {
  node.shiftClock(fault.other ? HOUR_MS : -HOUR_MS);
  await sleep(fault.forMs);
  if (fault.forMs > 2000) node.shiftClock(0); // corrects the clock; otherwise it stays wrong
}

/** The node goes back to a copy of its store while the hive has moved on: its log_epoch has to rise. */
async function restoreStore({ world, node, fault }: Target): Promise<void> {
  const backup = `${world.directory}/${node.name}.backup`;
  node.backUp(backup);
  await sleep(fault.forMs);
  await node.restore(backup);
}

/** Adds an execution to an attempt that is being pulled, or to one that has already settled. */
async function addExecution({ world, node, fault }: Target): Promise<void> {
  const ids = node.recordings.map(({ attemptId }) => attemptId);
  const pending = () =>
    world.database.attemptSync.findFirst({ where: { attemptId: { in: ids }, state: 'pending_backfill' } });
  const deadline = Date.now() + fault.forMs;
  let found = await pending().catch(() => null);
  while (!found && Date.now() < deadline) {
    await sleep(20);
    found = await pending().catch(() => null);
  }
  const attemptId = found?.attemptId ?? ids[0];
  if (attemptId === undefined) return;
  await node.record(attemptId, {
    tag: `added${fault.atMs}`,
    seed: fault.atMs,
    lines: fault.forMs,
    linesPerSecond: 0,
    finalNewline: fault.other,
    hugeLine: false,
  });
}

/** The recorders, and perhaps the connection, can't write to any file: EFBIG, as with a quota. */
async function fillDisk({ node, fault }: Target): Promise<void> {
  const recorders = node.running;
  for (const recording of recorders) recording.disturbance ??= 'disk_full';
  const pids = recorders.map(({ child }) => child.pid);
  if (fault.other) pids.push(node.agent.connection?.child.pid);
  await Promise.all(pids.map((pid) => limitFileSize(pid, '0:')));
  await sleep(fault.forMs);
  await Promise.all(pids.map((pid) => limitFileSize(pid, 'unlimited:')));
}

async function limitFileSize(pid: number | undefined, limit: string): Promise<void> {
  if (pid === undefined) return;
  await run('prlimit', ['--pid', String(pid), `--fsize=${limit}`]).catch((error: unknown) => {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') throw error; // without prlimit nothing would be tested
  });
}

function routeAway(world: ChaosWorld, from: number): void {
  for (const { route } of world.nodes) if (route.hive === from) route.hive = otherHive(from);
}

function otherHive(hive: number): number {
  return (hive + 1) % HIVES;
}
