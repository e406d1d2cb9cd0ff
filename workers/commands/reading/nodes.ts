import { Command } from 'commander';
import { addHiveOptions, type HiveOptions } from '../hive-access.js';
import { withHive, type Schemas } from './api.js';
import { shortText } from './attempt-text.js';
import { faint, green, yellow } from './colour.js';
import { listNodes } from './find-node.js';
import { printList, type ListOf } from './print-list.js';
import type { Cell } from './table.js';
import { agoText } from './standing.js';

const LIST: ListOf<Schemas['Node']> = {
  columns: [
    { title: 'NODE' },
    { title: 'STATUS' },
    { title: 'HEARD' },
    { title: 'SYSTEM', max: 20, leaveOut: 1 },
    { title: 'AGENT', max: 16, leaveOut: 2 },
    { title: 'NAME' },
  ],
  cells,
  none: 'no nodes; hive node invite takes one in',
};
const PAINT = { online: green, busy: green, draining: yellow, offline: faint };

export function nodesCommand(): Command {
  return addHiveOptions(new Command('nodes'))
    .description('List the nodes, and which of them are connected.')
    .option('--online', 'only those that are connected')
    .option('--json', 'print one JSON object a line')
    .addHelpText('after', '\nHEARD is how long ago the hive last heard of the node.')
    .action((options: HiveOptions & { online?: true; json?: true }) =>
      withHive(options, async (hive) => {
        const nodes = (await listNodes(hive)).filter(({ status }) => !options.online || status !== 'offline');
        await printList(nodes, LIST, options);
      }),
    );
}

function cells(node: Schemas['Node']): Cell[] {
  const { os, arch, version } = node.capabilities as Record<string, unknown>;
  const heard = node.last_heartbeat_at ?? node.disconnected_at ?? node.connected_at;
  return [
    process.stdout.isTTY ? node.id.slice(0, 8) : node.id,
    { text: node.status, paint: PAINT[node.status] },
    agoText(heard),
    [os, arch].map(textOf).join(' ').trim(),
    textOf(version),
    shortText(node.name),
  ];
}

/** Capabilities are whatever the node said. */
function textOf(value: unknown): string {
  return typeof value === 'string' ? shortText(value) : '';
}
