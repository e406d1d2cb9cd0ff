import { setTimeout as sleep } from 'node:timers/promises';
import { Command, Option } from 'commander';
import { bodyOf, type HiveClient, type Schemas } from '../../api/client/client.js';
import { addHiveOptions, type HiveOptions } from './hive-access.js';
import { print, type OutputOptions } from './output.js';
import { startProgress } from './progress.js';
import { withHive } from './reading/api.js';
import { attemptArgument, findAttemptId } from './reading/find-attempt.js';
import { ExitCode } from './usage.js';

interface Options extends OutputOptions, HiveOptions {
  type: 'full_attempt' | 'executions' | 'logs';
  wait?: true;
}

type Backfill = Schemas['Backfill'];

const POLL_MS = 500;

export function backfillCommand(): Command {
  return addHiveOptions(new Command('backfill'))
    .description('Start a backfill of an attempt, or join the one that is running.')
    .argument('<attempt>', 'id of the attempt, or its beginning', attemptArgument)
    .addOption(
      new Option('--type <type>', 'what to fetch: everything, only the metadata, or only the lines of known executions')
        .choices(['full_attempt', 'executions', 'logs'])
        .default('full_attempt'),
    )
    .option('--wait', 'wait until the backfill has ended; on a terminal, show its progress')
    .option('--json', 'print JSON: what was started or, with --wait, how it ended')
    .action((attempt: string, { type, wait, json, ...hiveOptions }: Options) =>
      withHive(hiveOptions, async (hive) => {
        const id = await findAttemptId(hive, attempt);
        const started = await bodyOf(
          hive.api.POST('/v1/swarm/attempts/{id}/backfill', { params: { path: { id } }, body: { type } }),
        );
        if (!wait) {
          print(json ? JSON.stringify(started) : `${started.joined ? 'joined' : 'started'} ${started.workflow_id}`);
          return;
        }
        const ended = await waitForEnd(hive.api, id);
        print(json ? JSON.stringify(ended) : describeEnd(ended));
        if (ended.outcome !== 'complete') process.exitCode = ExitCode.failed;
      }),
    );
}

async function waitForEnd(hive: HiveClient, attempt: string): Promise<Backfill> {
  const progress = startProgress('lines', 0);
  try {
    for (;;) {
      const backfill = await bodyOf(
        hive.GET('/v1/backfills/{attempt_id}', { params: { path: { attempt_id: attempt } } }),
      );
      if (backfill.status !== 'running') return backfill;
      const { lines_stored: stored, lines_declared: declared, phase } = backfill.progress ?? {};
      if (stored !== undefined) progress.set(stored, declared, phase?.replaceAll('_', ' '));
      await sleep(POLL_MS);
    }
  } finally {
    progress.stop();
  }
}

function describeEnd({ status, outcome, result }: Backfill): string {
  const how = outcome ?? status;
  if (!result) return how;
  const reason = result.reason === null ? '' : ` (${result.reason})`;
  const pulled = result.lines_pulled === null ? '' : `, ${result.lines_pulled} of them by this backfill`;
  const explanation = result.explanation === null ? '' : `\n${result.explanation}`;
  return `${how}${reason}: ${result.lines_stored} of ${result.lines_declared} lines stored${pulled}${explanation}`;
}
