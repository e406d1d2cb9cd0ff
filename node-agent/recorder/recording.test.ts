import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import { randomBytes, randomUUID } from 'node:crypto';
import { mkdirSync, readdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { Database } from '../store/sqlite.js';
import type { LogLine } from '../../protocol/page.js';
import { findExecution } from '../store/executions.js';
import { readLines } from '../store/read-lines.js';
import { openStore, type Store } from '../store/open.js';
import { endOrphans } from '../store/orphans.js';
import { newRecording, temporaryStore, type TemporaryStore } from '../testing/temporary-store.js';
import { Recording } from './recording.js';
import type { RecordingOptions } from './recording-options.js';
import { SpoolAbsorber } from './spool-absorber.js';
import { segmentPath } from './spool-files.js';

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
      dataDir: temporary.dataDir,
      open: () => openStore(temporary.dataDir),
      ...newRecording(executionId, TIME, { pid: process.pid, started: 'now' }),
      warn: (sentence) => warnings.push(sentence),
      pause: () => undefined,
      resume: () => undefined,
      ...more,
    };
  }

  const execution = () => findExecution(temporary.store, executionId);
  function lines(): LogLine[] {
    const { key, log_lines: through } = execution() ?? { key: 0, log_lines: 0 };
    const found = readLines(temporary.store, key, 0, through, { lines: 1_000_000, rawBytes: 1_000_000_000 });
    return (found?.lines ?? []).map((line) => JSON.parse(line) as LogLine);
  }
  const contents = () => lines().map(({ content }) => content);

  /** One open store for the whole recording. */
  const opened = (): Store => openStore(temporary.dataDir, { busyTimeoutMs: 1 });
  const full = (): never => {
    throw Object.assign(new Error('disk full'), { code: 'SQLITE_FULL' });
  };
  const started = (more: Partial<RecordingOptions> = {}): Recording => {
    const recording = new Recording(options(more));
    recording.start();
    return recording;
  };
  const print = (recording: Recording, text: string, type: 'stdout' | 'stderr' = 'stdout') =>
    recording.output(type, Buffer.from(text));
  const files = () => readdirSync(join(temporary.dataDir, 'recorders'));
  async function until(isTrue: () => boolean): Promise<void> {
    while (!isTrue()) await sleep(10);
  }

  test('stores lines while the command runs, and the end together with the last line', async () => {
    const recording = started();
    print(recording, 'a\nb\n');
    await until(() => execution()?.log_lines === 2);
    expect(execution()).toMatchObject({ status: 'running', revision: 1 });
    print(recording, 'c\n', 'stderr');
    await recording.finish(END);
    const ended = { status: 'completed', exit_code: 0, log_lines: 3, revision: 2, attempt_revision: 2 };
    expect(execution()).toMatchObject(ended);
    expect(lines().map(({ output_type: type, content }) => [type, content])).toEqual([
      ['stdout', 'a'],
      ['stdout', 'b'],
      ['stderr', 'c'],
    ]);
    expect([files(), warnings]).toEqual([[], []]);
  });

  test('opens the store once, at the end, for a command that ends at once', async () => {
    let opens = 0;
    const recording = started({ open: () => (opens++, opened()) });
    print(recording, 'a\nb');
    expect([opens, execution()]).toEqual([0, undefined]);
    await recording.finish(END);
    expect([opens, contents()]).toEqual([1, ['a', 'b']]);
  });

  test('shows a prompt and a progress bar while they stand unfinished, a few times a second', async () => {
    const recording = started();
    print(recording, 'Name? ');
    await until(() => execution()?.log_lines === 1);
    print(recording, 'x\n');
    const startedAt = performance.now();
    for (let percent = 0; percent < 100; percent++) {
      print(recording, `${percent}%\r`);
      await sleep(10);
    }
    const seconds = (performance.now() - startedAt) / 1000;
    print(recording, 'done\nlast');
    await recording.finish(END);
    const bar = lines().slice(2, -1);
    expect(lines().slice(0, 2)).toMatchObject([{ content: 'Name? ', partial: true }, { content: 'x' }]);
    expect(bar.length).toBeGreaterThan(1);
    expect(bar.length).toBeLessThanOrEqual(seconds * 3.4 + 2);
    expect(bar.map(({ partial }) => partial)).toEqual(bar.map((_, at) => (at < bar.length - 1 ? true : undefined)));
    const printed = Array.from({ length: 100 }, (_, percent) => `${percent}%\r`).join('');
    expect(bar.map(({ content }) => content).join('')).toBe(`${printed}done`);
    expect(lines().at(-1)).toMatchObject({ content: 'last' });
    expect(lines().at(-1)).not.toHaveProperty('partial');
  });

  test('loses nothing while the store fails', async () => {
    let failures = 2;
    const recording = started({ open: () => (failures-- > 0 ? full() : opened()), finishMs: 60_000 });
    print(recording, 'a\nb\n');
    await recording.finish(END);
    expect(contents()).toEqual(['a', 'b']);
    expect(execution()).toMatchObject({ status: 'completed', dropped: 0 });
    expect(warnings).toEqual([]);
  });

  test('keeps all for the next one who can write, when the store does not come back', async () => {
    const recording = started({ open: full, finishMs: 100 });
    print(recording, 'a\nb');
    await recording.finish({ ...END, status: 'failed', exitCode: 9 });
    expect(warnings).toEqual([expect.stringContaining('the store could not be written (SQLITE_FULL); the next')]);
    expect(execution()).toBeUndefined();
    endOrphans(temporary.store);
    expect(execution()).toMatchObject({ status: 'failed', exit_code: 9, completed_at: TIME, dropped: 0, log_lines: 2 });
    expect([contents(), files()]).toEqual([['a', 'b'], []]);
  });

  const incompressible = (count: number) =>
    Array.from({ length: count }, () => `${randomBytes(500).toString('hex')}\n`).join('');

  test('keeps all for the next one who can write, when the store is full in the middle', async () => {
    const open = () => {
      const store = opened();
      store.value(`PRAGMA max_page_count = ${(store.value('PRAGMA page_count') as number) + 8}`);
      return store;
    };
    const recording = started({ open, finishMs: 100 });
    for (let piece = 0; piece < 50; piece++) print(recording, incompressible(10));
    await recording.finish(END);
    expect(execution()?.status).not.toBe('completed');
    endOrphans(temporary.store);
    expect(execution()).toMatchObject({ status: 'completed', dropped: 0, log_lines: 500 });
    expect(contents()).toHaveLength(500);
  });

  /** Another process in the middle of a write. */
  function otherWriter(): { end: () => void } {
    const db = new Database(join(temporary.dataDir, 'node.db'));
    db.exec('BEGIN IMMEDIATE');
    return { end: () => db.close() };
  }

  function flow(): { seen: string[]; pause: () => void; resume: () => void } {
    const seen: string[] = [];
    return { seen, pause: () => seen.push('pause'), resume: () => seen.push('resume') };
  }

  test('lets the command go on while another process writes, up to a bound, and then lets it wait', async () => {
    const { seen, ...flowOptions } = flow();
    const recording = started({ open: opened, backlogBytes: 200_000, ...flowOptions });
    await until(() => execution() !== undefined);
    const other = otherWriter();
    print(recording, incompressible(100));
    await sleep(200);
    expect(seen).toEqual([]);
    print(recording, incompressible(100));
    print(recording, incompressible(100));
    expect(seen).toEqual(['pause']);
    await sleep(50);
    expect(execution()?.log_lines).toBe(0);
    other.end();
    await until(() => seen.length === 2);
    expect(seen).toEqual(['pause', 'resume']);
    await recording.finish(END);
    expect(execution()).toMatchObject({ status: 'completed', dropped: 0, log_lines: 300 });
    expect(warnings).toEqual([]);
  });

  test('waits with the end while another process writes', async () => {
    const recording = started({ open: opened, finishMs: 60_000 });
    const other = otherWriter();
    setTimeout(() => other.end(), 300);
    print(recording, 'a\n');
    await recording.finish(END);
    expect(execution()).toMatchObject({ status: 'completed', log_lines: 1 });
  });

  test('lets the command go on when another process keeps the store for too long, and says what is lost', async () => {
    const { seen, ...flowOptions } = flow();
    const recording = started({ open: opened, backlogBytes: 1000, busyMs: 100, ...flowOptions });
    await until(() => execution() !== undefined);
    const other = otherWriter();
    print(recording, incompressible(1));
    await sleep(150);
    for (let piece = 0; piece < 3; piece++) print(recording, incompressible(10));
    await until(() => seen.length === 2);
    print(recording, incompressible(10));
    other.end();
    await until(() => warnings.length > 0);
    await recording.finish(END);
    expect(seen).toEqual(['pause', 'resume']);
    expect(execution()).toMatchObject({ status: 'completed', dropped: 1 });
    const lost = Number(/recording goes on: (\d+) lines lost/.exec(warnings[0] ?? '')?.[1]);
    expect(lost).toBeGreaterThan(0);
    expect(contents()).toHaveLength(41 - lost + 1);
    expect(contents()).toContainEqual(expect.stringContaining(`${lost} lines are lost here`));
  });

  test('stops when another process has ended its execution, and says so', async () => {
    const recording = started();
    print(recording, 'a\n');
    await until(() => execution()?.log_lines === 1);
    temporary.store.prepare("UPDATE execution SET status = 'killed'").run();
    print(recording, 'b\n');
    await until(() => warnings.length > 0);
    expect(warnings).toEqual([expect.stringContaining('another process has ended this execution')]);
    print(recording, 'c\n');
    await recording.finish(END);
    expect(execution()).toMatchObject({ status: 'killed', exit_code: null, dropped: 1, log_lines: 1 });
    expect(contents()).toEqual(['a']);
    expect(warnings).toHaveLength(1);
    expect(files()).toEqual([]);
  });

  /** Has SQLite find the store damaged at its next write. */
  function damage(): void {
    const path = join(temporary.dataDir, 'node.db');
    temporary.store.value('PRAGMA wal_checkpoint(TRUNCATE)');
    const bytes = readFileSync(path);
    writeFileSync(path, bytes.fill(0xff, 4096), { flag: 'r+' });
  }

  test.each([
    ['deleted or replaced', () => renameSync(join(temporary.dataDir, 'node.db'), join(temporary.dataDir, 'other'))],
    ['damaged', damage],
  ])('puts all that it has into the new store when its store is %s', async (why, spoil) => {
    const recording = started();
    print(recording, 'a\nb');
    await until(() => execution()?.log_lines === 2);
    spoil();
    await sleep(1100);
    print(recording, 'c\n');
    await recording.finish(END);
    temporary = { ...temporary, store: openStore(temporary.dataDir) };
    expect(warnings).toEqual([expect.stringContaining(why)]);
    expect(execution()).toMatchObject({ status: 'completed', log_epoch: 2, dropped: 0 });
    const joined = lines().map(({ content, partial }) => (partial === true ? content : `${content}\n`));
    expect(joined.join('')).toBe('a\nbc\n');
  });

  test('stops when its store was deleted together with what it has spooled, and says so, once', async () => {
    const recording = started();
    await until(() => execution() !== undefined);
    mkdirSync(join(temporary.dataDir, 'elsewhere'));
    renameSync(join(temporary.dataDir, 'node.db'), join(temporary.dataDir, 'elsewhere', 'node.db'));
    rmSync(join(temporary.dataDir, 'recorders'), { recursive: true });
    print(recording, 'a\n');
    await recording.finish(END);
    expect(warnings).toEqual([expect.stringContaining('was deleted or replaced')]);
  });

  test('says so too when both were deleted before the store was opened', async () => {
    const recording = started();
    print(recording, 'a\n');
    rmSync(temporary.dataDir, { recursive: true });
    print(recording, 'b\n');
    await recording.finish(END);
    expect(warnings).toEqual([expect.stringContaining('was deleted or replaced')]);
  });

  test('keeps output in memory while the spool cannot be written, and says how much of it is lost and where', async () => {
    const recorders = join(temporary.dataDir, 'recorders');
    writeFileSync(recorders, 'a file where the directory should be');
    const recording = started({ bufferBytes: 8 });
    for (const line of ['a\n', 'b\n', 'long line\n', 'd\n', 'e\n']) print(recording, line);
    expect(warnings).toEqual([expect.stringContaining('cannot record at the moment (')]);
    rmSync(recorders);
    await until(() => warnings.length > 1);
    print(recording, 'f\n');
    await recording.finish(END);
    const [first, second, loss, last, ...rest] = contents();
    expect([first, second, last, rest]).toEqual(['a', 'b', 'f', []]);
    expect(loss).toMatch(/^node-agent: 3 lines are lost here, because the store could not be written \(E[A-Z]+\)$/);
    expect(execution()).toMatchObject({ dropped: 1, log_lines: 4, status: 'completed' });
  });

  test('stores lines while the command runs, also if its first output could not be spooled', async () => {
    const recorders = join(temporary.dataDir, 'recorders');
    writeFileSync(recorders, 'a file where the directory should be');
    const recording = started();
    print(recording, 'a\n');
    await sleep(300);
    rmSync(recorders);
    await until(() => execution()?.log_lines === 1);
    await recording.finish(END);
    expect(contents()).toEqual(['a']);
  });

  test('goes on without the thread that stores lines, if that has died', async () => {
    const ofARun = options(); // as a TypeScript source, the thread cannot be loaded
    delete ofARun.open;
    const recording = new Recording(ofARun);
    recording.start();
    print(recording, 'a\n');
    await until(() => execution()?.log_lines === 1);
    print(recording, 'b\n');
    await until(() => execution()?.log_lines === 2);
    await recording.finish(END);
    expect([contents(), files(), warnings]).toEqual([['a', 'b'], [], []]);
  });

  test('goes on where an absorber before it has stopped, at whatever moment', async () => {
    const text = 'one\ntwo é\n\nfour "x"\n';
    const recording = started({ open: full, finishMs: 1 });
    for (const byte of Buffer.from(text)) recording.output('stdout', Buffer.of(byte));
    await recording.finish(END);
    const { store } = temporary;
    // each step in an absorber of its own that sees one more frame than the one before it
    const spool = readFileSync(segmentPath(temporary.dataDir, executionId, 0));
    for (let size = 1; size <= spool.length; size += 7) {
      writeFileSync(segmentPath(temporary.dataDir, executionId, 0), spool.subarray(0, size));
      const absorber = new SpoolAbsorber(store, executionId);
      absorber.step(false);
      absorber.close();
      if (absorber.isOver) break;
    }
    writeFileSync(segmentPath(temporary.dataDir, executionId, 0), spool);
    endOrphans(store);
    expect(contents()).toEqual(text.split('\n').slice(0, -1));
    expect(execution()).toMatchObject({ status: 'completed', log_lines: 4 });
  });
});
