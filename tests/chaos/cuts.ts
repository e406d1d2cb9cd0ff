/** One large backfill whose connection is cut at random points: how much is pulled twice? */
import { setTimeout as sleep } from 'node:timers/promises';
import { PageCounter } from './page-counter.js';
import { Random } from './random.js';
import { incompleteAttempts, verify, type Verdict } from './verify.js';
import { ChaosWorld } from './world.js';
import { within } from '../harness/until.js';

const COMPLETE_MS = 600_000;

export interface CutsResult extends Verdict {
  cuts: number;
  /** Lines of the pages that a node began to send to a hive. */
  linesPulled: number;
  seconds: number;
}

/** @param lines number of lines of one execution, recorded while no hive runs */
export async function runCuts(lines: number, cuts: number, seed: number): Promise<CutsResult> {
  const random = new Random(seed);
  const points = Array.from({ length: cuts }, () => random.whole(1, lines)).sort((a, b) => a - b);
  const counters = new Map<number, PageCounter>();
  let [linesPulled, cutsDone] = [0, 0];
  let cut: () => void = () => undefined;
  const observe = (_node: number, chunk: Buffer, connection: number) => {
    let counter = counters.get(connection);
    if (!counter) {
      counter = new PageCounter(({ firstSeq, lastSeq }) => {
        linesPulled += lastSeq - firstSeq + 1;
        if (lastSeq >= (points[0] ?? Infinity)) {
          points.shift();
          cut();
        }
      });
      counters.set(connection, counter);
    }
    counter.push(chunk);
  };
  const world = await ChaosWorld.create({ name: 'cuts', nodes: 1, observe });
  try {
    const [node] = world.nodes;
    if (!node) throw new Error('no node');
    await node.agent.record(['seq', '-f', 'line %.0f of a log that is cut off again and again', '1', String(lines)]);
    await world.startHives();
    const started = Date.now();
    let reconnecting = Promise.resolve();
    cut = () => {
      cutsDone++;
      node.route.hive = random.whole(0, 1);
      setImmediate(() => {
        node.proxy.cut();
        // an agent that is started again does not wait longer and longer before it connects
        reconnecting = reconnecting.then(async () => {
          await node.disconnect('SIGKILL');
          node.connect();
        });
      });
    };
    node.connect();
    await within(COMPLETE_MS, async () => (await incompleteAttempts(world)).length === 0);
    const seconds = (Date.now() - started) / 1000;
    await reconnecting;
    await sleep(100);
    return { ...(await verify(world)), cuts: cutsDone, linesPulled, seconds };
  } finally {
    await world.end();
  }
}
