import { Command, Option } from 'commander';
import { addHiveOptions, type HiveOptions } from '../hive-access.js';
import { countArgument } from '../usage.js';
import { HiveApiError, withHive, type Hive } from './api.js';
import { usesColour } from './colour.js';
import { attemptArgument, executionArgument, findAttemptId, findExecutionId } from './find-attempt.js';
import { followEvents } from './follow-events.js';
import { LogPages, type LogEntry, type LogFilter } from './log-pages.js';
import { findStart, readAttempt } from './log-start.js';
import { logText } from './log-text.js';
import { sinceOption } from './time.js';
import { write } from './write.js';

interface Options extends HiveOptions {
  follow?: true;
  tail?: number;
  since?: string;
  execution?: string;
  stderr?: true;
  timestamps?: true;
  color?: boolean;
  raw?: true;
  exitStatus?: true;
  json?: true;
}

/** As a shell has it for a process that SIGKILL ended. */
const KILLED = 137;

export function logsCommand(): Command {
  return addHiveOptions(new Command('logs'))
    .description('Print the lines of an attempt. With -f, go on with those that come until it has ended.')
    .argument('<attempt>', 'id of the attempt, or its beginning', attemptArgument)
    .option('-f, --follow', 'go on until every execution has ended, through restarts of the hive: each line once')
    .option('-n, --tail <count>', 'only the last lines', tailArgument)
    .option('--since <time>', 'only lines printed since then: 30m, 2h, yesterday, 2026-11-27T08:00:00Z', sinceOption)
    .option(
      '--execution <id>',
      'only lines of this execution: its id or the beginning of it (hive show lists them)',
      executionArgument,
    )
    .option('--stderr', 'only what was printed to standard error')
    .option('-t, --timestamps', 'begin each line with the time at which it was printed')
    .addOption(new Option('--color', 'keep colours (default: in a terminal, if NO_COLOR is not set)'))
    .addOption(new Option('--no-color', 'remove colours'))
    .option('--raw', 'print exactly what was printed, whatever it does to your terminal')
    .option('--exit-status', "wait for the attempt's end, as -f does, and exit with its status")
    .option('--json', 'print one JSON object a line')
    .addHelpText(
      'after',
      '\nCharacters that would command your terminal are shown as \\u001b, colours excepted; --json and --raw change nothing.',
    )
    .action((attempt: string, options: Options) =>
      withHive(options, async (hive) => {
        const id = await findAttemptId(hive, attempt);
        const execution = await findExecutionId(hive, id, options.execution);
        await printLog(hive, id, { ...options, ...(execution !== undefined && { execution }) });
        if (options.exitStatus) process.exitCode = exitStatusOf(await readAttempt(hive, id));
      }),
    );
}

async function printLog(hive: Hive, id: string, options: Options): Promise<void> {
  const { tail, since, raw = false, timestamps = false, json = false } = options;
  const isFollowed = options.follow ?? options.exitStatus ?? false;
  const filter: LogFilter = {
    ...(options.execution !== undefined && { execution_id: options.execution }),
    ...(options.stderr && { output_type: 'stderr' as const }),
  };
  const text = logText({ json, raw, timestamps, colour: usesColour(options.color) });
  const isAsked = ({ timestamp }: LogEntry) => since === undefined || Date.parse(timestamp) >= Date.parse(since);
  const print = (entries: LogEntry[]) =>
    write(
      entries
        .filter(isAsked)
        .map((entry) => text(entry))
        .join(''),
    );
  const pages = new LogPages(hive, id, filter, isFollowed ? Infinity : undefined);
  const start = await findStart(hive, id, pages, {
    ...filter,
    ...(tail !== undefined && { tail }),
    ...(since !== undefined && { since }),
  });
  const cursor = await printPages(pages.forward(start === undefined ? undefined : String(start)), print);
  if (isFollowed && cursor !== null) {
    const query = new URLSearchParams({ ...filter });
    const path = `/v1/swarm/attempts/${id}/logs/stream${query.size > 0 ? `?${query.toString()}` : ''}`;
    for await (const { data } of followEvents(hive, { path, after: cursor }))
      await print([JSON.parse(data) as LogEntry]);
  }
  await write(text());
}

/** @returns the cursor to go on from; null if nothing more will come */
async function printPages(
  pages: AsyncGenerator<LogEntry[], string | null, undefined>,
  print: (entries: LogEntry[]) => Promise<void>,
): Promise<string | null> {
  for (;;) {
    const { done, value } = await pages.next();
    if (done) return value;
    await print(value);
  }
}

function exitStatusOf({ attempt: { status, exit_code: code } }: Awaited<ReturnType<typeof readAttempt>>): number {
  if (status === null || status === 'completed') return code ?? 0;
  if (status === 'running')
    throw new HiveApiError(200, undefined, 'the attempt runs again: its status is not known yet');
  return code ?? (status === 'killed' ? KILLED : 1);
}

function tailArgument(text: string): number {
  return text === '0' ? 0 : countArgument(text);
}
