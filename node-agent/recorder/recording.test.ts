import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import { randomBytes, randomUUID } from 'node:crypto';
import { mkdirSync, renameSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { Database } from '../store/sqlite.js';
import type { LogLine } from '../../protocol/page.js';
import { findExecution } from '../store/executions.js';
import { readLines } from '../store/read-lines.js';
import { openStore, type Store } from '../store/open.js';
import { endOrphans } from '../store/orphans.js';
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
      pause: () => undefined,
      resume: () => undefined,
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
    expect(warnings.at(-1)).toContain('the last 1 line of the command are not recorded');
  });

  const incompressible = (count: number) => Array.from({ length: count }, () => randomBytes(500).toString('hex'));

  /** A store that SQLite itself refuses to extend. */
  function fullStore(): Store {
    const store = openStore(temporary.dataDir);
    const pages = store.value('PRAGMA page_count') as number;
    store.value(`PRAGMA max_page_count = ${pages + 3}`);
    return store;
  }

  test('leaves a note when the end does not fit into the store, and the next one who can write stores it', async () => {
    const recording = new Recording(fullStore, options({ bufferBytes: 50_000, finishMs: 100 }));
    recording.start();
    recording.add('stdout', incompressible(5001), TIME);
    await recording.finish({ ...END, status: 'failed', exitCode: 9 });
    expect(execution()).toMatchObject({ status: 'running', dropped: 0 });
    const stored = execution()?.log_lines ?? 0;
    expect(endOrphans(temporary.store)).toEqual([executionId]);
    expect(execution()).toMatchObject({
      status: 'failed',
      exit_code: 9,
      completed_at: TIME,
      dropped: 1,
      log_lines: stored + 1,
    });
    expect(contents().at(-1)).toBe(
      `node-agent: ${5001 - stored} lines are lost here, because the store could not be written (SQLITE_FULL)`,
    );
    expect(endOrphans(temporary.store)).toEqual([]);
  });

  /** Another process in the middle of a write. */
  function otherWriter(): { end: () => void } {
    const db = new Database(join(temporary.dataDir, 'node.db'));
    db.exec('BEGIN IMMEDIATE');
    return { end: () => db.close() };
  }

  test('pauses the output while another process writes, keeps little in memory and loses nothing', async () => {
    const flow: string[] = [];
    const flowOptions = { pause: () => flow.push('pause'), resume: () => flow.push('resume'), bufferBytes: 1000 };
    const open = () => openStore(temporary.dataDir, { busyTimeoutMs: 1 });
    const recording = new Recording(open, options(flowOptions));
    recording.start();
    const other = otherWriter();
    let added = 0;
    for (; !flow.includes('pause') && added < 100; added++) recording.add('stdout', incompressible(100), TIME);
    expect(flow).toEqual(['pause']);
    expect(added).toBeLessThan(100);
    expect(execution()?.log_lines).toBe(0);
    other.end();
    await sleep(200);
    expect(flow).toEqual(['pause', 'resume']);
    await recording.finish(END);
    expect(execution()).toMatchObject({ status: 'completed', dropped: 0, log_lines: added * 100 });
    expect(warnings).toEqual([]);
  });

  test('waits with the end while another process writes', async () => {
    const recording = new Recording(
      () => openStore(temporary.dataDir, { busyTimeoutMs: 1 }),
      options({ finishMs: 50 }),
    );
    recording.start();
    const other = otherWriter();
    setTimeout(() => other.end(), 300);
    recording.add('stdout', ['a'], TIME);
    await recording.finish(END);
    expect(execution()).toMatchObject({ status: 'completed', log_lines: 1 });
  });

  test('lets the command go on when another process keeps the store for too long, and says so', async () => {
    const flow: string[] = [];
    const recording = new Recording(
      () => openStore(temporary.dataDir, { busyTimeoutMs: 1 }),
      options({ busyMs: 100, pause: () => flow.push('pause'), resume: () => flow.push('resume') }),
    );
    recording.start();
    const other = otherWriter();
    for (let piece = 0; piece < 40; piece++) {
      recording.add('stdout', incompressible(100), TIME);
    }
    await sleep(300);
    expect([flow, warnings]).toEqual([['pause', 'resume'], [expect.stringContaining('SQLITE_BUSY')]]);
    other.end();
    await recording.finish(END);
    expect(execution()).toMatchObject({ status: 'completed', dropped: 0, log_lines: 4000 });
  });

  test('stops when another process has ended its execution, and says so', async () => {
    const recording = new Recording(() => openStore(temporary.dataDir), options());
    recording.start();
    recording.add('stdout', ['a'], TIME);
    await sleep(200);
    temporary.store.prepare("UPDATE execution SET status = 'killed'").run();
    recording.add('stdout', ['b'], TIME);
    await sleep(200);
    expect(warnings).toEqual([expect.stringContaining('another process has ended this execution')]);
    recording.add('stdout', ['c'], TIME);
    await recording.finish(END);
    expect(execution()).toMatchObject({ status: 'killed', exit_code: null, dropped: 1, log_lines: 1 });
    expect(contents()).toEqual(['a']);
    expect(warnings).toHaveLength(1);
  });

  test('says that its store was deleted or replaced, once', async () => {
    const recording = new Recording(() => openStore(temporary.dataDir), options());
    recording.start();
    mkdirSync(join(temporary.dataDir, 'elsewhere'));
    renameSync(join(temporary.dataDir, 'node.db'), join(temporary.dataDir, 'elsewhere', 'node.db'));
    recording.add('stdout', ['a'], TIME);
    await recording.finish(END);
    expect(warnings).toEqual([expect.stringContaining('was deleted or replaced')]);
  });
});
