/** Thousands of scripted nodes in one process, with enough of the protocol to be idle and to be backfilled. */
import { serveOrders } from '../../tests/harness/helper-process.js';
import { FleetNode } from '../../tests/harness/fleet-node.js';

const url = process.argv[2] ?? '';
/** Real nodes do not all log in at the same instant either. No more at once than a hive admits. */
const LOGINS_AT_ONCE = 200;

let nodes: FleetNode[] = [];

serveOrders(
  {
    create(keys: string[]): Promise<void> {
      nodes = keys.map((apiKey) => new FleetNode(url, apiKey));
      return Promise.resolve();
    },

    connect: () => connectAll(),

    async storm(attempts: number): Promise<void> {
      for (const node of nodes) node.record(attempts);
      for (const node of nodes) node.terminate();
      await connectAll();
    },

    lines: () => Promise.resolve(nodes.reduce((sum, node) => sum + node.lines, 0)),
  },
  () => {
    for (const node of nodes) node.terminate();
    return Promise.resolve();
  },
);

async function connectAll(): Promise<void> {
  const waiting = nodes.slice();
  const lanes = Array.from({ length: LOGINS_AT_ONCE }, async () => {
    for (let node = waiting.pop(); node; node = waiting.pop()) await node.connect();
  });
  await Promise.all(lanes);
}
