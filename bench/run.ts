/** `npm run bench [name…] [-- --quick]`: prints figures as JSON lines, each with a baseline from the same run. */
import { availableParallelism, cpus, loadavg, platform, release, totalmem } from 'node:os';
import { Argument, Command } from 'commander';
import { consoleBenchmark } from './console.js';
import { drain } from './drain.js';
import { fanIn } from './fan-in.js';
import { latency } from './latency.js';
import { progress, say } from './lib/figures.js';
import { Stage } from './lib/stage.js';
import { live } from './live.js';
import { logs } from './logs.js';
import { read } from './read.js';
import { searchAll } from './search-all.js';
import { record } from './record.js';
import { search } from './search.js';
import { streams } from './streams.js';

/** A benchmark prints its figures. With `quick` it uses small sizes, only to show that it runs. */
export type Benchmark = (stage: Stage, options: { quick: boolean }) => Promise<void>;

const benchmarks: Record<string, Benchmark> = {
  logs,
  drain,
  latency,
  read,
  'fan-in': fanIn,
  live,
  streams,
  search,
  'search-all': searchAll,
  console: consoleBenchmark,
};
/** These need no servers. */
const benchmarksAlone: Record<string, (options: { quick: boolean }) => Promise<void>> = { record };

const stopping = new AbortController();
for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.on(signal, () => stopping.abort());

await new Command('bench')
  .addArgument(
    new Argument('[name...]', 'benchmarks to run (default: all)').choices(
      Object.keys({ ...benchmarks, ...benchmarksAlone }),
    ),
  )
  .option('--quick', 'small sizes: shows that it runs; the figures mean little', false)
  .action(run)
  .parseAsync();

async function run(names: string[], options: { quick: boolean }): Promise<void> {
  say(hardware());
  for (const [name, benchmark] of Object.entries(benchmarks)) {
    if (names.length > 0 && !names.includes(name)) continue;
    if (!(await runOne(name, benchmark, options))) break;
  }
  for (const [name, benchmark] of Object.entries(benchmarksAlone)) {
    if (!stopping.signal.aborted && (names.length === 0 || names.includes(name))) await benchmark(options);
  }
  if (stopping.signal.aborted) process.exitCode = 130;
}

/** @returns false if the whole run has to stop */
async function runOne(name: string, benchmark: Benchmark, options: { quick: boolean }): Promise<boolean> {
  progress(`${name}: starting servers`);
  const stage = await Stage.create(stopping.signal);
  try {
    await benchmark(stage, options);
  } catch (error) {
    if (stopping.signal.aborted) return false;
    process.exitCode = 1;
    progress(`${name} failed: ${error instanceof Error ? (error.stack ?? error.message) : String(error)}`);
  } finally {
    await stage.end();
  }
  return !stopping.signal.aborted;
}

/** One line about the machine. The load tells whether it had other things to do. */
function hardware(): string {
  const model = cpus()[0]?.model.trim() ?? 'unknown';
  const gib = (totalmem() / 2 ** 30).toFixed(1);
  const load = loadavg().map((value) => value.toFixed(1));
  return JSON.stringify({
    hardware: `${availableParallelism()} cores (${model}), ${gib} GiB, ${platform()} ${release()}, Node ${process.version}`,
    load_average: load.join(' '),
    started: new Date().toISOString(),
  });
}
