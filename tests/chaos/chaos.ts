/**
 * `npm run chaos -- --seeds N [--first-seed S]`: faults drawn from seeds strike real processes; afterwards every line
 * has to be in the hive once. The last line of output is JSON: what was done and what was found.
 *
 * `npm run chaos -- --cuts 20 [--lines 1000000]`: one backfill is cut off 20 times; how much of it is pulled twice?
 */
import { Command, InvalidArgumentError } from 'commander';
import { runCuts } from './cuts.js';
import { hasFailed, runSeed, type SeedResult } from './run-seed.js';

interface Options {
  seeds: number;
  firstSeed: number;
  cuts?: number;
  lines: number;
}

const stopping = new AbortController();
for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.on(signal, () => stopping.abort());

await new Command('chaos')
  .option('--seeds <count>', 'number of seeds to run, one after another', wholeNumber, 5)
  .option('--first-seed <seed>', 'the first seed', wholeNumber, 1)
  .option('--cuts <count>', 'instead of faults, cut one backfill off this many times', wholeNumber)
  .option('--lines <count>', 'number of lines of that backfill', wholeNumber, 1_000_000)
  .action((options: Options) => (options.cuts === undefined ? run(options) : cutOff(options, options.cuts)))
  .parseAsync();

async function run({ seeds, firstSeed }: Options): Promise<void> {
  const results: SeedResult[] = [];
  for (let seed = firstSeed; seed < firstSeed + seeds && !stopping.signal.aborted; seed++) {
    const result = await runSeed(seed, stopping.signal).catch((error: unknown) => {
      if (!stopping.signal.aborted) say(`seed ${seed} could not be run: ${String(error)}`);
      stopping.abort();
      return undefined;
    });
    if (!result) break;
    results.push(result);
    say(describe(result));
  }
  const sum = (count: (result: SeedResult) => number) => results.reduce((total, result) => total + count(result), 0);
  const failed = results.filter(hasFailed);
  say(
    JSON.stringify({
      seeds: results.length,
      lines: sum(({ lines }) => lines),
      faults: countKinds(results),
      pooled_seeds: results.filter(({ isPooled }) => isPooled).length,
      lost: sum(({ lost }) => lost),
      doubled: sum(({ doubled }) => doubled),
      out_of_order: sum(({ outOfOrder }) => outOfOrder),
      incomplete: sum(({ incomplete }) => incomplete),
      worst_settle_seconds: Math.max(0, ...results.map(({ settleSeconds }) => settleSeconds ?? Infinity)),
      worst_recorder_loss_ms: Math.max(0, ...results.map(({ worstRecorderLossMs }) => worstRecorderLossMs)),
      failed_seeds: failed.map(({ seed }) => seed),
    }),
  );
  // a run that was stopped can leave something waiting
  process.exit(failed.length > 0 || stopping.signal.aborted ? 1 : 0);
}

async function cutOff({ lines, firstSeed }: Options, cuts: number): Promise<void> {
  const result = await runCuts(lines, cuts, firstSeed);
  const { linesPulled, seconds, faults, incomplete } = result;
  const pulledTwice = linesPulled / lines - 1;
  for (const fault of faults) say(`  ${fault}`);
  say(
    JSON.stringify({
      cuts: result.cuts,
      lines,
      lines_pulled: linesPulled,
      pulled_twice: pulledTwice,
      seconds,
      incomplete,
    }),
  );
  process.exit(faults.length > 0 || incomplete > 0 || result.cuts < cuts || pulledTwice > 0.05 ? 1 : 0);
}

function describe(result: SeedResult): string {
  const { seed, kinds, isPooled, lines, settleSeconds, seconds, answers, faults, directory } = result;
  const settled = settleSeconds === undefined ? 'did not settle' : `settled in ${settleSeconds.toFixed(1)} s`;
  const summary = `seed ${seed}: ${kinds.join(', ')}${isPooled ? '; with a pooler' : ''}; ${lines} lines, ${settled}, took ${seconds} s, API ${JSON.stringify(answers)}`;
  if (!hasFailed(result)) return summary;
  const again = `to repeat: npm run chaos -- --seeds 1 --first-seed ${seed}; see ${directory ?? ''}`;
  return [
    `${summary} FAILED`,
    ...faults.map((fault) => `  ${fault}`),
    `  ${result.incomplete} incomplete; ${again}`,
  ].join('\n');
}

function countKinds(results: SeedResult[]): Record<string, number> {
  const counts: Record<string, number> = {};
  for (const kind of results.flatMap(({ kinds }) => kinds)) counts[kind] = (counts[kind] ?? 0) + 1;
  return counts;
}

function wholeNumber(text: string): number {
  if (!/^\d{1,9}$/.test(text)) throw new InvalidArgumentError('It must be a whole number.');
  return Number(text);
}

function say(line: string): void {
  process.stdout.write(`${line}\n`);
}
