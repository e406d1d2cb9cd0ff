import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { Database } from '../store/sqlite.js';
import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import { until } from '../../tests/harness/until.js';
import { AgentProcesses } from '../testing/agent-process.js';
import { endedSpools } from './spool-files.js';

const RUNS = 20;
/** Wide lines: what one command prints is more than a recorder keeps in memory. */
const LINES = 3000;
const WIDTH = 3000;

describe('a store that others write to', () => {
  let directory: string;
  let agent: AgentProcesses;
  beforeEach(() => {
    directory = mkdtempSync(join(tmpdir(), 'node-agent-busy-'));
    agent = new AgentProcesses(join(directory, 'data'));
  });
  afterEach(() => rmSync(directory, { recursive: true, force: true }));

  test('gets every line of twenty busy commands, also if one of the writers takes its time', async () => {
    expect(agent.run('run', '--', 'true').status).toBe(0);
    const slow = new Database(join(agent.dataDir, 'node.db'));
    slow.exec('BEGIN IMMEDIATE');
    const command = ['run', '--', 'sh', '-c', `seq -f %0${WIDTH}.0f ${LINES} && echo printed >&2`];
    const running = Array.from({ length: RUNS }, () => agent.start(command, { stdout: 'ignore' }));
    await Promise.all(running.map((one) => one.printed('node-agent: attempt')));
    await sleep(2000);
    slow.exec('COMMIT');
    slow.close();
    expect(await Promise.all(running.map(({ ended }) => ended))).toEqual(running.map(() => 0));
    for (const { stderr } of running) expect(stderr).toMatch(/^node-agent: attempt [0-9a-f-]{36}\nprinted\n/);
    await until(() => {
      expect(agent.run('status').status).toBe(0); // waits until all of them are in the store, but not for ever
      return agent.rows().filter(({ status }) => status === 'completed').length === RUNS + 1;
    });
    const recorded = agent.rows().slice(1);
    expect(recorded.map(({ dropped, log_lines: lines }) => [dropped, lines])).toEqual(
      running.map(() => [0, LINES + 1]),
    );
    for (const { key } of [...recorded.slice(0, 1), ...recorded.slice(-1)]) {
      const printed = agent.lines(key).filter(({ output_type: type }) => type === 'stdout');
      expect(printed.map(({ content }) => Number(content))).toEqual(
        Array.from({ length: LINES }, (_, index) => index + 1),
      );
    }
  });

  test.each([
    ['before the command’s end', 'while kill -0 $PPID; do sleep 0.1; done', { status: 'killed', exit_code: null }],
    ['after the command’s end', 'exit 3', { status: 'failed', exit_code: 3 }],
  ])('under a recorder that is killed %s, the next one stores what it had', async (_, last, row) => {
    expect(agent.run('run', '--', 'true').status).toBe(0);
    const goOn = join(directory, 'go-on');
    const command = `echo one; until test -e '${goOn}'; do sleep 0.02; done; seq 10; echo printed; ${last}`;
    const recorder = agent.start(['run', '--', 'sh', '-c', command]);
    await until(() => agent.rows()[1]?.log_lines === 1);
    const slow = new Database(join(agent.dataDir, 'node.db'));
    slow.exec('BEGIN IMMEDIATE');
    writeFileSync(goOn, '');
    await recorder.printed('printed');
    // after the end, it waits for the store for a few seconds only
    if (last.startsWith('exit')) await until(() => endedSpools(agent.dataDir).length > 0);
    else await sleep(500);
    recorder.child.kill('SIGKILL');
    await recorder.ended;
    slow.exec('COMMIT');
    slow.close();
    await until(() => {
      agent.run('run', '--', 'true');
      return agent.rows()[1]?.status !== 'running';
    });
    const [, killed] = agent.executions();
    expect(killed).toMatchObject({ ...row, dropped: 0, log_lines: 12 });
    const numbers = Array.from({ length: 10 }, (_, index) => String(index + 1));
    expect(killed?.lines.map((line) => line.content)).toEqual(['one', ...numbers, 'printed']);
  });
});
