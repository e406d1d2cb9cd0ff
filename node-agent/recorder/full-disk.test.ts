import { spawnSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync, truncateSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import { until } from '../../tests/harness/until.js';
import { AgentProcesses, succeeds, type RunningAgent } from '../testing/agent-process.js';

const canMount = (() => {
  const probe = mkdtempSync(join(tmpdir(), 'node-agent-mount-'));
  const mounted = succeeds('mount', '-t', 'tmpfs', '-o', 'size=64k', 'tmpfs', probe) && succeeds('umount', probe);
  rmSync(probe, { recursive: true, force: true });
  return mounted;
})();

/** On a real small file system; `recording.test.ts` has the cases that need none. */
(canMount ? describe : describe.skip)('on a full disk', () => {
  let disk: string;
  let agent: AgentProcesses;
  beforeEach(() => {
    disk = mkdtempSync(join(tmpdir(), 'node-agent-disk-'));
    succeeds('mount', '-t', 'tmpfs', '-o', 'size=2m', 'tmpfs', disk);
    agent = new AgentProcesses(join(disk, 'data'));
  });
  afterEach(() => {
    succeeds('umount', '-l', disk);
    rmSync(disk, { recursive: true, force: true });
    rmSync(goOn(), { force: true });
  });

  const fill = () => `cat /dev/zero > ${disk}/fill 2> /dev/null`;
  const goOn = () => `${disk}.go-on`;
  /** Runs a command whose first line is stored before it fills the disk. */
  async function startOnFullDisk(code: string): Promise<RunningAgent> {
    const script = `echo one; until test -e ${goOn()}; do sleep 0.02; done; ${fill()}; ${code}`;
    const recorder = agent.start(['run', '--', 'sh', '-c', script]);
    await until(() => agent.rows()[0]?.log_lines === 1);
    writeFileSync(goOn(), '');
    return recorder;
  }
  const free = () => rmSync(join(disk, 'fill'));

  test('until the end of the command, the end is known later, and how many lines are missing', async () => {
    const recorder = await startOnFullDisk('seq 20000; exit 3');
    expect(await recorder.ended).toBe(3);
    expect(recorder.stderr).toContain(
      'the end and the last 20000 lines of the command are not recorded; the next node-agent',
    );
    free();
    expect(agent.run('status').status).toBe(0);
    const [execution] = agent.executions();
    expect(execution).toMatchObject({ status: 'failed', exit_code: 3, dropped: 1, log_lines: 2 });
    expect(execution?.lines.map(({ content }) => content)).toEqual([
      'one',
      expect.stringMatching(
        /^node-agent: 20000 lines are lost here, because the store could not be written \(ENOSPC\)/,
      ),
    ]);
    expect(agent.run('status', '--json').stdout).toContain('"running":0');
  });

  test('under a recorder that is killed, the next one marks that lines may be missing', async () => {
    const recorder = await startOnFullDisk('seq 5000; while kill -0 $PPID; do sleep 0.1; done');
    await recorder.printed('cannot record at the moment');
    recorder.child.kill('SIGKILL');
    await recorder.ended;
    free();
    agent.run('run', '--', 'true');
    const [execution] = agent.executions();
    expect(execution).toMatchObject({ status: 'killed', exit_code: null, dropped: 1 });
    expect(execution?.lines.at(-1)?.content).toContain('lines may be lost here');
  });

  test('from the start on, the command and its output are known later if there was room for them', () => {
    mkdirSync(agent.dataDir);
    spawnSync('sh', ['-c', fill()]);
    truncateSync(join(disk, 'fill'), (2048 - 60) * 1024);
    const { status, stderr } = agent.run('run', '--title', 'late', '--', 'sh', '-c', 'seq 10; exit 4');
    expect(status).toBe(4);
    expect(stderr).toContain('the next node-agent that can write to it adds the command');
    free();
    expect(agent.run('attempts').stdout).toContain('late');
    const [execution] = agent.executions();
    expect(execution).toMatchObject({ status: 'failed', exit_code: 4, dropped: 0, log_lines: 10 });
  });

  test('from the start on, the command is known later if there was room for a note', () => {
    mkdirSync(agent.dataDir);
    spawnSync('sh', ['-c', fill()]);
    truncateSync(join(disk, 'fill'), (2048 - 60) * 1024);
    const { status } = agent.run('run', '--title', 'late', '--', 'sh', '-c', 'seq 20000; exit 4');
    expect(status).toBe(4);
    free();
    expect(agent.run('attempts').stdout).toContain('late');
    const [execution] = agent.executions();
    expect(execution).toMatchObject({ status: 'failed', exit_code: 4, dropped: 1 });
    expect(execution?.lines.at(-1)?.content).toMatch(/[0-9]+ lines are lost here/);
    const recorded = execution?.lines.slice(0, -1).map(({ content }) => content) ?? [];
    expect(recorded.slice(0, -1)).toEqual(recorded.slice(0, -1).map((_, index) => String(index + 1)));
  });
});
