/**
 * What recording costs a command: many short lines, large long ones, and commands that end at once. Baselines: the
 * command alone, `tee`, and `script`. The CPU is that of all processes, the absorber's after the command included.
 */
import { existsSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { median, printFigure, progress } from './lib/figures.js';
import { measure, type Measured } from './lib/measured-command.js';

/** npm starts it in the checkout; this file's own place is a build's, which `dist` only links to. */
const ROOT = process.cwd();
const LAUNCHER = join(ROOT, 'node-agent/bin/node-agent');
/** As a user starts it; without Node's own options, which a user does not have. */
const AGENT = existsSync(LAUNCHER) ? `sh ${LAUNCHER}` : `${process.execPath} ${join(ROOT, 'dist/node-agent/cli.js')}`;
/** Of the recorder that made lines on the command's way: 2.07 s here, on 2026-11-26. Half of it is the goal. */
const FORMER_CPU_PER_MILLION_LINES = 2.07;
/** The recorder alone: its own Node, its spool's buffers and its thread. */
const MEMORY_RATIO = 1.3;

type Ways = Record<'alone' | 'tee' | 'script' | 'run', Measured[]>;

export async function record({ quick }: { quick: boolean }): Promise<void> {
  const directory = mkdtempSync(join(tmpdir(), 'hivesync-record-'));
  const dataDir = join(directory, 'data');
  const env = { ...process.env, NODE_DATA_DIR: dataDir, NODE_OPTIONS: '' };
  const file = join(directory, 'copy');
  const rounds = quick ? 1 : 5;
  const run = (command: string) => measure(`${AGENT} run -- ${command} > /dev/null`, { env, dataDir });

  async function ways(name: string, command: string): Promise<Ways> {
    const measured: Ways = { alone: [], tee: [], script: [], run: [] };
    for (let round = 1; round <= rounds; round++) {
      measured.alone.push(await measure(`${command} > /dev/null`));
      measured.tee.push(await measure(`${command} | tee ${file} > /dev/null`));
      measured.script.push(await measure(`script -qec ${quoted(command)} ${file} > /dev/null`));
      measured.run.push(await run(`sh -c ${quoted(command)}`));
      rmSync(dataDir, { recursive: true, force: true });
      rmSync(file, { force: true });
      progress(`record: ${name}, round ${round} of ${rounds}`);
    }
    return measured;
  }

  try {
    const lines = quick ? 500_000 : 5_000_000;
    const short = await ways('short lines', `seq ${lines}`);
    const few = await run(`seq ${lines / 10}`);
    printWays('short_lines', short, 'ratio <= 2');
    const perMillion = ({ cpuSeconds }: Measured) => (cpuSeconds * 1e6) / lines;
    printFigure({
      benchmark: 'record',
      metric: 'cpu_per_million_short_lines',
      unit: 's',
      value: median(short.run.map(perMillion)),
      baseline: FORMER_CPU_PER_MILLION_LINES,
      goal: 'ratio <= 0.5',
      note: 'the recorder of issue 16, on the machine that the goal was set on',
    });
    printFigure({
      benchmark: 'record',
      metric: 'memory_of_short_lines',
      unit: 'MiB',
      value: median(short.run.map(({ peakMib }) => peakMib)),
      baseline: few.peakMib,
      goal: `ratio <= ${MEMORY_RATIO}`,
      note: 'a tenth of the lines',
    });

    const bytes = quick ? 20_000_000 : 200_000_000;
    const long = await ways('long lines', `base64 -w 20000 /dev/urandom | head -c ${bytes}`);
    printWays('long_lines', long, 'ratio <= 1.3');
    await printTrue(run, quick ? 10 : 100);
  } finally {
    rmSync(directory, { recursive: true, force: true });
  }
}

function printWays(name: string, measured: Ways, goal: string): void {
  const figure = { benchmark: 'record' };
  const middle = (way: keyof Ways, field: keyof Measured) => median(measured[way].map((one) => one[field]));
  const fields: [keyof Measured, string, string][] = [
    ['wallSeconds', 'wall', 's'],
    ['cpuSeconds', 'cpu', 's'],
    ['peakMib', 'memory', 'MiB'],
  ];
  for (const [field, label, unit] of fields) {
    for (const [way, note] of [
      ['tee', 'tee'],
      ['alone', 'the command alone'],
      ['script', 'script -qc'],
    ] as const) {
      printFigure({
        ...figure,
        metric: `${name}_${label}_of_${way}`,
        unit,
        value: middle('run', field),
        baseline: middle(way, field),
        goal: field === 'wallSeconds' && way === 'tee' ? goal : null,
        note,
      });
    }
  }
}

async function printTrue(run: (command: string) => Promise<Measured>, count: number): Promise<void> {
  const times: Record<'recorded' | 'alone' | 'node', Measured[]> = { recorded: [], alone: [], node: [] };
  for (let turn = 0; turn < count; turn++) {
    times.alone.push(await measure('/bin/true'));
    times.node.push(await measure(`${process.execPath} -e 0`));
    times.recorded.push(await run('true'));
  }
  const wall = (name: keyof typeof times) => median(times[name].map(({ wallSeconds }) => wallSeconds));
  const cpu = (name: keyof typeof times) => median(times[name].map(({ cpuSeconds }) => cpuSeconds));
  const figure = { benchmark: 'record', unit: 's' };
  const alone = { baseline: wall('alone'), goal: 'value - baseline <= 0.12', note: 'true alone' };
  printFigure({ ...figure, metric: 'true_wall', value: wall('recorded'), ...alone });
  const node = { baseline: wall('node'), goal: 'ratio <= 2.5', note: 'node -e 0' };
  printFigure({ ...figure, metric: 'true_wall_of_node', value: wall('recorded'), ...node });
  printFigure({
    ...figure,
    metric: 'true_cpu',
    value: cpu('recorded'),
    baseline: cpu('node'),
    goal: null,
    note: 'node -e 0',
  });
  const peak = Math.max(...times.recorded.map(({ peakMib }) => peakMib));
  printFigure({ ...figure, metric: 'true_memory', unit: 'MiB', value: peak, baseline: null, goal: null });
}

function quoted(text: string): string {
  return `'${text.replaceAll("'", `'\\''`)}'`;
}
