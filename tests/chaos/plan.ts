/** What happens in the run of one seed. It is drawn before the run begins, so that the seed alone decides it. */
import type { OutputSpec } from './lines.js';
import { Random } from './random.js';

export const FAULT_KINDS = [
  'hive_killed',
  'hive_stopped',
  'node_killed',
  'recorder_killed',
  'node_socket_cut',
  'node_socket_stalled',
  'lease_moved',
  'database_socket_cut',
  'database_socket_stalled',
  'postgres_restarted',
  'postgres_killed',
  'temporal_restarted',
  'temporal_killed',
  'clock_shifted',
  'store_restored',
  'execution_added',
  'disk_full',
  'hive_frozen',
  'hive_clock_set_back',
  'database_read_only',
  'schedule_deleted',
  'temporal_emptied',
] as const;

export type FaultKind = (typeof FAULT_KINDS)[number];

export interface PlannedFault {
  kind: FaultKind;
  /** Time since the first hive was ready. */
  atMs: number;
  forMs: number;
  node: number;
  hive: number;
  /** Chooses between two ways of the same fault. */
  other: boolean;
}

export interface PlannedRecording {
  node: number;
  /** Recordings of one node with the same number belong to one attempt. */
  attempt: number;
  atMs: number;
  output: OutputSpec;
}

export interface Plan {
  seed: number;
  nodes: number;
  /** Recorded before any hive runs. */
  offline: PlannedRecording[];
  /** Recorded while faults strike. */
  live: PlannedRecording[];
  faults: PlannedFault[];
  /** Whether the hives reach PostgreSQL through PgBouncer in transaction mode. */
  pooler: boolean;
}

export const HIVES = 2;
const NODES = 3;
const FAULTS = 12;
const STRIKE_MS = 16_000;

export function drawPlan(seed: number): Plan {
  const random = new Random(seed);
  const recordings = new Recordings(seed, random);
  const offline: PlannedRecording[] = [];
  const live: PlannedRecording[] = [];
  for (let node = 0; node < NODES; node++) {
    offline.push(recordings.burst(node, 0, random.whole(5000, 9000)));
    offline.push(recordings.burst(node, 1, random.pick([0, 1, 40])));
    offline.push(recordings.burst(node, 1, random.whole(1, 3000)));
    for (let attempt = 2; attempt < 4; attempt++) live.push(recordings.slow(node, attempt));
    // one more execution of an attempt that can be complete, in the middle of a pull, or running
    live.push({
      ...recordings.burst(node, random.whole(0, 2), random.whole(1, 4000)),
      atMs: random.whole(0, STRIKE_MS),
    });
    live.push({ ...recordings.burst(node, 4, random.whole(1, 4000)), atMs: random.whole(0, STRIKE_MS) });
  }
  const faults = random
    .shuffled(FAULT_KINDS)
    .slice(0, FAULTS)
    .map((kind) => ({
      kind,
      atMs: random.whole(500, STRIKE_MS),
      forMs: random.whole(500, 4000),
      node: random.whole(0, NODES - 1),
      hive: random.whole(0, HIVES - 1),
      other: random.chance(0.5),
    }))
    .toSorted((a, b) => a.atMs - b.atMs);
  return { seed, nodes: NODES, offline, live, faults, pooler: random.chance(0.4) };
}

class Recordings {
  readonly #seed: number;
  readonly #random: Random;
  #count = 0;

  constructor(seed: number, random: Random) {
    this.#seed = seed;
    this.#random = random;
  }

  burst(node: number, attempt: number, lines: number): PlannedRecording {
    return { node, attempt, atMs: 0, output: this.#output(node, lines, 0) };
  }

  slow(node: number, attempt: number): PlannedRecording {
    const linesPerSecond = this.#random.whole(40, 300);
    const atMs = this.#random.whole(0, 3000);
    const seconds = this.#random.whole(8, 14);
    return { node, attempt, atMs, output: this.#output(node, linesPerSecond * seconds, linesPerSecond) };
  }

  #output(node: number, lines: number, linesPerSecond: number): OutputSpec {
    const number = ++this.#count;
    return {
      tag: `s${this.#seed}n${node}c${number}`,
      seed: this.#random.whole(0, 2 ** 31),
      lines,
      linesPerSecond,
      finalNewline: this.#random.chance(0.8),
      hugeLine: lines > 0 && this.#random.chance(0.04),
    };
  }
}
