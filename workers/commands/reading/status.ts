import { Command } from 'commander';
import { addHiveOptions, type HiveOptions } from '../hive-access.js';
import { ExitCode } from '../usage.js';
import { bodyOf, HiveApiError, withHive, type Hive, type Schemas } from './api.js';
import { shortText } from './attempt-text.js';
import { listNodes } from './find-node.js';
import { jsonLine } from './json-line.js';
import { write } from './write.js';

type Readiness = Schemas['Readiness'];

/** Parts of the hive, in words. */
const PARTS = { database: 'database', temporal: 'Temporal', workers: 'workers' } as const;

export function statusCommand(): Command {
  return addHiveOptions(new Command('status'))
    .description('Show how the hive is, and what it has: nodes, attempts, and of which it has not every line.')
    .option('--json', 'print one JSON object')
    .action((options: HiveOptions & { json?: true }) =>
      withHive(options, async (hive) => {
        const { ready, body } = await readReadiness(hive);
        const [nodes, counts] = await Promise.all([listNodes(hive), countAttempts(hive)]);
        const byStatus = tally(nodes.map(({ status }) => status));
        if (!ready) process.exitCode = ExitCode.failed;
        if (options.json) {
          const { url } = hive.address;
          await write(jsonLine({ url, ready, ...body, nodes: byStatus, attempts: counts }));
          return;
        }
        const lines = [
          ['hive', `${hive.address.url}  ${ready ? 'ready' : 'not ready'}`],
          ...Object.entries(PARTS).map(([part, name]) => [name, partText(body, part as keyof typeof PARTS)]),
          ['nodes', countsText(nodes.length, byStatus)],
          ['attempts', countsText(counts.total, counts.by_status)],
          ['copies', countsText(counts.total, counts.by_sync_state)],
        ];
        await write(lines.map(([name = '', text = '']) => `${name.padEnd(10)}${text}\n`).join(''));
      }),
    );
}

/** Not ready is an answer, too. */
async function readReadiness({ api, address }: Hive): Promise<{ ready: boolean; body: Readiness }> {
  const { data, error, response } = await api.GET('/readyz');
  const body = data ?? error;
  if (typeof body === 'object' && 'database' in body) return { ready: response.ok, body };
  throw new HiveApiError(response.status, undefined, `what answers at ${address.url} is no hive: check the address`);
}

function countAttempts({ api }: Hive): Promise<Schemas['AttemptCounts']> {
  return bodyOf(api.GET('/v1/swarm/attempts/counts'));
}

function partText({ reasons, ...states }: Readiness, part: keyof typeof PARTS): string {
  const reason = reasons[part];
  return states[part] + (reason === undefined ? '' : `: ${shortText(reason)}`);
}

function tally(values: string[]): Record<string, number> {
  const counts: Record<string, number> = {};
  for (const value of values) counts[value] = (counts[value] ?? 0) + 1;
  return counts;
}

function countsText(total: number, counts: Record<string, number>): string {
  const parts = Object.entries(counts).filter(([, count]) => count > 0);
  return `${total}${parts.length === 0 ? '' : `: ${parts.map(([name, count]) => `${count} ${name.replaceAll('_', ' ')}`).join(', ')}`}`;
}
