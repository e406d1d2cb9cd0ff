import { Command } from 'commander';
import { readConfig } from '../config.js';
import { readAdminToken, readRunning } from '../data-files.js';
import { print, type OutputOptions } from './output.js';

interface Options extends OutputOptions {
  type?: string;
  url?: string;
  token?: string;
}

export function backfillCommand(): Command {
  return new Command('backfill')
    .description('start a backfill of an attempt, or join the one that runs')
    .argument('<attempt>', 'the id of the attempt')
    .option('--type <type>', 'full_attempt, executions or logs')
    .option('--url <url>', "the hive's address; else that of the hive on HIVE_DATA_DIR")
    .option('--token <token>', 'an admin token; else HIVE_TOKEN, or the one in HIVE_DATA_DIR')
    .option('--json', 'print JSON')
    .action(async (attempt: string, options: Options) => {
      const { dataDir } = readConfig();
      const url = options.url ?? (await readRunning(dataDir))?.url;
      const token = options.token ?? process.env['HIVE_TOKEN'] ?? (await readAdminToken(dataDir));
      if (url === undefined || token === undefined)
        throw new Error('give --url and --token, or HIVE_DATA_DIR of a running hive');
      const response = await fetch(`${url}/v1/swarm/attempts/${encodeURIComponent(attempt)}/backfill`, {
        method: 'POST',
        headers: { authorization: `Bearer ${token}`, 'content-type': 'application/json' },
        body: JSON.stringify(options.type === undefined ? {} : { type: options.type }),
      });
      const body = (await response.json()) as { workflow_id?: string; joined?: boolean; error?: string };
      if (!response.ok) throw new Error(body.error ?? `the hive answered ${response.status}`);
      print(options.json ? JSON.stringify(body) : `${body.joined ? 'joined' : 'started'} ${body.workflow_id ?? ''}`);
    });
}
