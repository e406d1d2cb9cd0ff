/**
 * Search in an attempt of a million lines. Baseline: `zcat | grep -c` over the same pages. Reads of others beside it:
 * with searches that never pause, against the same reads alone.
 */
import { execFileSync } from 'node:child_process';
import { closeSync, openSync, writeSync } from 'node:fs';
import { Agent, get } from 'node:http';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { encodeCursor } from '../api/logs/cursor.js';
import { median, percentile, printFigure, progress } from './lib/figures.js';
import { mainThreadMs } from './lib/process-usage.js';
import type { Stage } from './lib/stage.js';
import { storeLog } from './lib/store-log.js';

const FIELDS = { benchmark: 'search', unit: 'ms' };

interface Case {
  name: string;
  q: string;
  regex: boolean;
  goal: string;
  /** Options of grep. */
  grep: string;
}

const OF_LITERAL = { regex: false, goal: 'ratio <= 1.5', grep: '-cF' };
const OF_REGEX = { regex: true, goal: 'ratio <= 3', grep: '-cE' };

/** Each is found in few lines or none, so that a search goes through all of them. */
function casesOf(lines: number): Case[] {
  return [
    { ...OF_LITERAL, name: 'literal', q: `[${lines - 17}]` },
    { ...OF_LITERAL, name: 'literal_nowhere', q: 'error: nobody printed this' },
    { ...OF_REGEX, name: 'regex', q: `\\[${lines - 17}\\] .*[a-z]+` },
    { ...OF_REGEX, name: 'regex_classes', q: '[a-z]+[0-9]{5}[A-Z]+' },
    { ...OF_REGEX, name: 'regex_choice', q: '(panic|fatal|oops)[0-9]+: [a-z]' },
  ];
}

export async function search(stage: Stage, { quick }: { quick: boolean }): Promise<void> {
  const lines = quick ? 50_000 : 1_000_000;
  const rounds = quick ? 2 : 7;
  const hive = await stage.startHive();
  progress(`search: storing ${lines} lines`);
  const id = await storeLog(stage, lines);
  await stage.database.query('VACUUM ANALYZE');
  const log = `${hive.url}/v1/swarm/attempts/${id}/logs`;
  // a connection for each request: the hive closes idle ones while grep runs
  const agent = new Agent();
  const cold = await firstMatch(stage, agent, log);
  const pages = join(stage.directory, 'pages.gz');
  await writePages(stage, pages);
  const cases = casesOf(lines);
  const times = cases.map(() => ({ ours: [] as number[], grep: [] as number[] }));
  for (let round = -1; round < rounds; round++) {
    for (const [index, one] of cases.entries()) {
      stage.signal.throwIfAborted();
      const grep = timed(() => grepCount(pages, one));
      const start = performance.now();
      const found = await searchAll(stage, agent, log, one);
      const taken = performance.now() - start;
      if (found !== grep.result) throw new Error(`${one.name}: ${found} lines found, grep finds ${grep.result}`);
      if (round < 0) continue; // a hive that has just started still compiles its code
      times[index]?.ours.push(taken);
      times[index]?.grep.push(grep.ms);
    }
  }
  for (const [index, { name, goal, grep }] of cases.entries()) {
    const { ours = [], grep: plain = [] } = times[index] ?? {};
    const note = `zcat | grep ${grep}`;
    printFigure({ ...FIELDS, metric: `${name}_ms`, value: median(ours), baseline: median(plain), goal, note });
  }
  const first: number[] = [];
  for (let round = 0; round < (quick ? 5 : 50); round++) first.push(await firstMatch(stage, agent, log));
  const goal = 'value <= 50';
  printFigure({ ...FIELDS, metric: 'first_match_p95_ms', value: percentile(first, 95), baseline: null, goal });
  const note = 'the first search of the hive, whose threads start';
  printFigure({ ...FIELDS, metric: 'first_match_cold_ms', value: cold, baseline: null, goal: null, note });
  const start = mainThreadMs(hive.pid);
  for (const one of cases) await searchAll(stage, agent, log, one);
  const value = (mainThreadMs(hive.pid) - start) / cases.length;
  const ofMain = "CPU of the hive's main thread for one of these searches";
  printFigure({ ...FIELDS, metric: 'main_thread_ms', value, baseline: null, goal: null, note: ofMain });
  await readBeside(stage, { agent, log, lines, reads: quick ? 30 : 500, cases });
  agent.destroy();
}

async function writePages(stage: Stage, file: string): Promise<void> {
  const target = openSync(file, 'w');
  const { rows } = await stage.database.query<{ gzip: Buffer }>('SELECT gzip FROM log_page ORDER BY first_seq');
  for (const { gzip } of rows) writeSync(target, gzip);
  closeSync(target);
}

function grepCount(pages: string, { grep, q }: Case): number {
  const command = 'zcat "$1" | { grep "$2" -e "$3" || true; }';
  return Number(execFileSync('sh', ['-c', command, 'sh', pages, grep, q], { encoding: 'utf8' }));
}

function timed<T>(work: () => T): { result: T; ms: number } {
  const start = performance.now();
  return { result: work(), ms: performance.now() - start };
}

interface Answer {
  matches: unknown[];
  next_cursor: string | null;
  has_more: boolean;
}

/** @returns how many lines match */
async function searchAll(stage: Stage, agent: Agent, log: string, { q, regex }: Case): Promise<number> {
  let found = 0;
  for (let cursor = ''; ;) {
    const query = new URLSearchParams({ q, regex: String(regex), limit: '1000', ...(cursor !== '' && { cursor }) });
    const answer = JSON.parse(await stage.get(agent, `${log}/search?${query.toString()}`)) as Answer;
    found += answer.matches.length;
    if (!answer.has_more || answer.next_cursor === null) return found;
    cursor = answer.next_cursor;
  }
}

/** @returns how long the first bytes of the first match took, in ms */
function firstMatch(stage: Stage, agent: Agent, log: string): Promise<number> {
  const start = performance.now();
  const headers = { ...stage.authorization, accept: 'application/x-ndjson' };
  return new Promise((resolve, reject) => {
    get(`${log}/search?q=const&limit=100&context=2`, { agent, headers }, (response) => {
      response.once('data', () => resolve(performance.now() - start));
      response.resume();
    }).on('error', reject);
  });
}

interface Beside {
  agent: Agent;
  log: string;
  lines: number;
  reads: number;
  cases: Case[];
}

/** Reads deep pages, one after another, alone and beside searches. */
async function readBeside(stage: Stage, { agent, log, lines, reads, cases }: Beside): Promise<void> {
  const cursor = encodeCursor({ through: 0, positions: new Map([[1, lines / 2]]) });
  const readAll = async () => {
    const times: number[] = [];
    for (let read = 0; read < reads; read++) {
      const start = performance.now();
      await stage.get(agent, `${log}?limit=1000&cursor=${cursor}`);
      times.push(performance.now() - start);
      await sleep(10);
    }
    return times;
  };
  await readAll();
  const alone = await readAll();
  let isOver = false;
  let searches = 0;
  const searching = [0, 1].map(async (index) => {
    for (let turn = index; !isOver; turn++, searches++) {
      const one = cases[turn % cases.length];
      if (one) await searchAll(stage, agent, log, one);
    }
  });
  await sleep(200);
  const beside = await readAll();
  isOver = true;
  await Promise.all(searching);
  const note = `${reads} reads beside two searches that never pause (${searches} in all), and alone`;
  for (const [metric, percent, goal] of [
    ['read_beside_p50_ms', 50, null],
    ['read_beside_p99_ms', 99, 'ratio <= 2'],
  ] as const) {
    printFigure({
      ...FIELDS,
      metric,
      value: percentile(beside, percent),
      baseline: percentile(alone, percent),
      goal,
      note,
    });
  }
}
