import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import { randomUUID } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import type { LogLine } from '../../protocol/page.js';
import { findExecution } from '../store/executions.js';
import { readLines } from '../store/read-lines.js';
import { openStore } from '../store/open.js';
import { temporaryStore, type TemporaryStore } from '../testing/temporary-store.js';
import { Recording, type RecordingOptions } from './recording.js';

const TIME = '2026-01-02T03:04:05.678Z';
const END = { status: 'completed', exitCode: 0, afterHeadCommit: null, completedAt: TIME } as const;

describe('recording', () => {
  let temporary: TemporaryStore;
  let warnings: string[];
  const executionId = randomUUID();
  beforeEach(() => {
    temporary = temporaryStore();
    warnings = [];
  });
  afterEach(() => temporary.remove());

  function options(more: Partial<RecordingOptions> = {}): RecordingOptions {
    return {
      attempt: {
        id: randomUUID(),
        title: null,
        sharedTaskId: null,
        executor: 'T',
        branch: '',
        containerRef: null,
        createdAt: TIME,
      },
      execution: {
        id: executionId,
        runReason: 'codingagent',
        executorAction: null,
        beforeHeadCommit: null,
        pid: 1,
        startedAt: TIME,
        recorder: { pid: process.pid, started: 'now' },
      },
      warn: (sentence) => warnings.push(sentence),
      ...more,
    };
  }

  const execution = () => findExecution(temporary.store, executionId);
  function contents(): string[] {
    const { key, log_lines: through } = execution() ?? { key: 0, log_lines: 0 };
    const lines =
      readLines(temporary.store, key, 0, through, { lines: 1_000_000, rawBytes: 1_000_000_000 })?.lines ?? [];
    return lines.map((line) => (JSON.parse(line) as LogLine).content);
  }

  test('stores lines within 200 ms, and the end together with the last line', async () => {
    const recording = new Recording(() => openStore(temporary.dataDir), options());
    recording.start();
    expect(execution()).toMatchObject({ status: 'running', log_lines: 0, revision: 1 });
    recording.add('stdout', ['a', 'b'], TIME);
    await sleep(200);
    expect(execution()).toMatchObject({ status: 'running', log_lines: 2, revision: 1 });
    recording.add('stderr', ['c'], TIME);
    await recording.finish(END);
    expect(execution()).toMatchObject({
      status: 'completed',
      exit_code: 0,
      log_lines: 3,
      revision: 2,
      attempt_revision: 2,
    });
    expect(contents()).toEqual(['a', 'b', 'c']);
    expect(warnings).toEqual([]);
  });

  test('keeps lines in memory while the store fails, and loses none that fit', async () => {
    let failures = 2;
    const open = () => {
      if (failures-- > 0) throw Object.assign(new Error('disk full'), { code: 'SQLITE_FULL' });
      return openStore(temporary.dataDir);
    };
    const recording = new Recording(open, options());
    recording.start();
    recording.add('stdout', ['a', 'b'], TIME);
    await recording.finish(END);
    expect(contents()).toEqual(['a', 'b']);
    expect(execution()).toMatchObject({ status: 'completed', dropped: 0 });
    expect(warnings[0]).toContain('SQLITE_FULL');
    expect(warnings[1]).toContain('no line was lost');
  });

  test('drops new lines that do not fit, and says how many and where', async () => {
    let isFull = true;
    const open = () => {
      if (isFull) throw Object.assign(new Error('disk full'), { code: 'SQLITE_FULL' });
      return openStore(temporary.dataDir);
    };
    const recording = new Recording(open, options({ bufferBytes: 200 }));
    recording.start();
    recording.add('stdout', ['a', 'b', 'c', 'd', 'e'], TIME);
    isFull = false;
    await sleep(700);
    recording.add('stdout', ['f'], TIME);
    await recording.finish(END);
    const [first, second, loss, last, ...rest] = contents();
    expect([first, second, last, rest]).toEqual(['a', 'b', 'f', []]);
    expect(loss).toBe('node-agent: 3 lines are lost here, because the store could not be written (SQLITE_FULL)');
    expect(execution()).toMatchObject({ dropped: 1, log_lines: 4, status: 'completed' });
  });

  test('lets the command end when the store does not come back, and says so', async () => {
    const open = () => {
      throw new Error('no store');
    };
    const recording = new Recording(open, options({ finishMs: 100 }));
    recording.start();
    recording.add('stdout', ['a'], TIME);
    await recording.finish(END);
    expect(warnings.at(-1)).toContain('the last 1 lines of the command are not recorded');
  });
});
