import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import type { LogLine } from '../../protocol/page.js';
import { until } from '../../tests/harness/until.js';
import { AgentProcesses, type RunningAgent, type StoredExecution } from '../testing/agent-process.js';

/** Prints numbered lines on both streams, with prompts, unfinished lines, odd characters and bursts in between. */
const PRINTER = `
  const { writeSync } = require('node:fs');
  let seed = Number(process.argv[1]);
  const random = (below) => {
    seed = (seed + 0x6d2b79f5) | 0; // mulberry32: the low bits of a simpler generator repeat, and one stream may stay silent
    let mixed = Math.imul(seed ^ (seed >>> 15), 1 | seed);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) % below;
  };
  const log = require('node:fs').openSync(process.argv[2], 'w');
  const put = (fd, text) => {
    const bytes = Buffer.from(text);
    for (let at = 0; at < bytes.length;) {
      const size = 1 + random(bytes.length);
      const piece = bytes.subarray(at, at + size);
      at += piece.length;
      writeSync(log, JSON.stringify([fd, piece.toString('base64')]) + '\\n');
      for (let done = 0; done < piece.length;) done += writeSync(fd, piece.subarray(done));
    }
  };
  let n = 0;
  const turn = () => {
    const fd = random(4) === 0 ? 2 : 1;
    const kind = random(8);
    if (kind === 0) put(fd, 'prompt ' + ++n + '? ');
    else if (kind === 1) put(fd, Array.from({ length: 300 + random(4000) }, () => 'burst ' + ++n + '\\n').join(''));
    else if (kind === 2) put(fd, ++n + '%\\r');
    else put(fd, 'line "' + ++n + '" \u6f22\u{1f680}\\n');
    setTimeout(turn, random(12) === 0 ? random(500) : random(20));
  };
  turn();
`;

const SEED = Number(process.env['SEED'] ?? (process.pid * 7919) % 1_000_000);
const ROUNDS = 6;

describe('a recorder that is killed at any moment', () => {
  let directory: string;
  let agent: AgentProcesses;
  let recorder: RunningAgent | undefined;
  beforeEach(() => {
    directory = mkdtempSync(join(tmpdir(), 'node-agent-killed-'));
    agent = new AgentProcesses(join(directory, 'data'));
  });
  afterEach(() => {
    recorder?.child.kill('SIGKILL');
    rmSync(directory, { recursive: true, force: true });
  });

  const joined = (lines: readonly LogLine[], type: string) => {
    const own = lines.filter((line) => line.output_type === type);
    return own.map(({ content, partial }) => (partial ? content : `${content}\n`)).join('');
  };
  /** What the command has printed on a stream before it was ended. */
  const printed = (fd: number) => {
    const pieces = readFileSync(join(directory, 'printed'), 'utf8').split('\n').slice(0, -1);
    const own = pieces.map((piece) => JSON.parse(piece) as [number, string]).filter(([of]) => of === fd);
    return Buffer.concat(own.map(([, piece]) => Buffer.from(piece, 'base64'))).toString();
  };

  test.each(Array.from({ length: ROUNDS }, (_, round) => SEED + round))(
    'loses nothing that it has read, and the next start ends the execution (SEED=%d)',
    async (seed) => {
      recorder = agent.start(['run', '--', process.execPath, '-e', PRINTER, String(seed), join(directory, 'printed')]);
      while (recorder.stdout === '') await sleep(1);
      await sleep(((seed * 2654435761) % 2 ** 32) / 2 ** 32 < 0.3 ? seed % 140 : 150 + (seed % 1700));
      recorder.child.kill('SIGKILL');
      await recorder.ended;
      // what it had passed on, it had read
      const passedOn = recorder.stdout;
      // a large spool is left to a process of its own
      await until(() => {
        agent.run('status');
        return agent.rows()[0]?.status !== 'running';
      });
      const [execution] = agent.executions() as [StoredExecution];
      expect(execution).toMatchObject({ status: 'killed', exit_code: null, dropped: 0 });
      const stdout = joined(execution.lines, 'stdout');
      // at the end, the newline that the join adds is nobody's, and a character that the kill has cut in half is U+FFFD
      const isSame = (text: string, whole: string) =>
        whole.startsWith(text) || whole.startsWith(text.slice(0, -1).replace(/\ufffd$/, ''));
      expect(isSame(stdout, printed(1))).toBe(true);
      expect(isSame(joined(execution.lines, 'stderr'), printed(2))).toBe(true);
      expect(stdout.length).toBeGreaterThanOrEqual(passedOn.replace(/\ufffd+$/, '').length);
    },
  );
});
