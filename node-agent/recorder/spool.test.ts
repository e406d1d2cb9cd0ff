import { appendFileSync, existsSync, mkdirSync, readFileSync, truncateSync, writeFileSync } from 'node:fs';
import { spawn } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import { once } from 'node:events';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import type { LogLine } from '../../protocol/page.js';
import { findExecution } from '../store/executions.js';
import { messageOf } from '../errors.js';
import { endOrphans } from '../store/orphans.js';
import { readLines } from '../store/read-lines.js';
import { RecorderLock } from '../store/recorder-lock.js';
import { newRecording, temporaryStore, type TemporaryStore } from '../testing/temporary-store.js';
import { SpoolAbsorber } from './spool-absorber.js';
import { endedSpools, segmentPath, segmentsOf } from './spool-files.js';
import { encodeHeader, type SpoolHeader } from './spool-frames.js';
import { SpoolReader } from './spool-reader.js';
import { SpoolWriter } from './spool-writer.js';

const TIME = Date.parse('2026-01-02T03:04:05.678Z');
const ABSORB_PROCESS = new URL('../../dist/node-agent/recorder/absorb-process.js', import.meta.url).pathname;
const STARTED = '2026-01-02T03:04:05.000Z';

describe('a spool', () => {
  let temporary: TemporaryStore;
  let id: string;
  beforeEach(() => {
    temporary = temporaryStore();
    mkdirSync(join(temporary.dataDir, 'recorders'));
    id = randomUUID();
  });
  afterEach(() => temporary.remove());

  const header = (): SpoolHeader => newRecording(id, STARTED, { pid: 1, started: '' });
  const spool = (segmentBytes?: number) => new SpoolWriter(temporary.dataDir, header(), segmentBytes);
  const path = (segment = 0) => segmentPath(temporary.dataDir, id, segment);
  const stored = () => {
    const { key = 0, log_lines: through = 0, ...row } = findExecution(temporary.store, id) ?? {};
    const found = readLines(temporary.store, key, 0, through, { lines: 100_000, rawBytes: 1e9 })?.lines ?? [];
    return { row, contents: found.map((line) => (JSON.parse(line) as LogLine).content) };
  };
  const end = { status: 'completed', exitCode: 0, afterHeadCommit: null, completedAt: STARTED };
  const appendEnd = (writer: SpoolWriter) => writer.append('end', Buffer.from(JSON.stringify(end)), TIME);

  test('is absorbed by a process that was started while the recorder still had its lock', async () => {
    const lock = RecorderLock.create(temporary.dataDir, id);
    const writer = spool();
    writer.append('stdout', Buffer.from('a\n'), TIME);
    appendEnd(writer);
    writer.close();
    const ended = once(spawn(process.execPath, [ABSORB_PROCESS, temporary.dataDir, id], { stdio: 'inherit' }), 'exit');
    await sleep(1000);
    lock.release();
    await ended;
    expect(stored()).toMatchObject({ row: { status: 'completed' }, contents: ['a'] });
    expect(segmentsOf(temporary.dataDir, id)).toEqual([]);
  });

  test('gives what was appended, in order, over its segments and while it grows', () => {
    const writer = spool(2000);
    const reader = new SpoolReader(temporary.dataDir, id);
    const read: string[] = [];
    for (let number = 0; number < 300; number++) {
      writer.append(number % 2 === 0 ? 'stdout' : 'stderr', Buffer.from(`piece ${number}`), TIME + number);
      if (number % 7 !== 0) continue;
      for (let frame = reader.next(); frame; frame = reader.next()) {
        if (frame.kind !== 'header') read.push(`${frame.kind} ${frame.time - TIME} ${frame.content.toString()}`);
      }
    }
    expect(read).toEqual(
      Array.from({ length: 295 }, (_, number) => `${number % 2 === 0 ? 'stdout' : 'stderr'} ${number} piece ${number}`),
    );
    expect(segmentsOf(temporary.dataDir, id).length).toBeGreaterThan(3);
    reader.forgetBefore(reader.position);
    expect(segmentsOf(temporary.dataDir, id)).toEqual([reader.position.segment]);
    reader.close();
    writer.close();
  });

  test('cuts a long output into frames, and reads them', () => {
    const writer = spool();
    const bytes = Buffer.alloc(2.5 * 1024 * 1024, 'x');
    writer.append('stdout', bytes, TIME);
    const reader = new SpoolReader(temporary.dataDir, id);
    const lengths: number[] = [];
    for (let frame = reader.next(); frame; frame = reader.next()) lengths.push(frame.content.length);
    expect(lengths.slice(1)).toEqual([1024 * 1024, 1024 * 1024, 512 * 1024]);
    reader.close();
    writer.close();
  });

  test('is known to have ended by its last frame', () => {
    const writer = spool();
    writer.append('stdout', Buffer.from('a\n'), TIME);
    expect(endedSpools(temporary.dataDir)).toEqual([]);
    appendEnd(writer);
    expect(endedSpools(temporary.dataDir)).toEqual([id]);
    writer.close();
  });

  test('whose recorder was killed in the middle of a write is stored up to its last byte', () => {
    const writer = spool();
    writer.append('stdout', Buffer.from('one\ntwo'), TIME);
    writer.close();
    appendFileSync(path(), Buffer.concat([encodeHeader('stdout', 100, TIME), Buffer.from('\nthree\nfo')]));
    const reader = new SpoolReader(temporary.dataDir, id);
    reader.next();
    reader.next();
    expect(reader.next()).toBeUndefined();
    reader.close();
    expect(endOrphans(temporary.store)).toEqual([id]);
    expect(stored()).toMatchObject({ row: { status: 'killed', dropped: 0 }, contents: ['one', 'two', 'three', 'fo'] });
    expect(existsSync(path())).toBe(false);
  });

  test.each([
    ['zeros', (whole: Buffer) => writeFileSync(path(), Buffer.concat([whole.subarray(0, -60), Buffer.alloc(60)]))],
    ['other bytes', (whole: Buffer) => writeFileSync(path(), whole.fill(0x55, whole.length - 120))],
  ])('that a power cut has damaged with %s is stored as far as it can be read, and says so', (_, damage) => {
    const writer = spool();
    writer.append('stdout', Buffer.from('one\n'), TIME);
    appendEnd(writer);
    writer.close();
    damage(readFileSync(path()));
    expect(endOrphans(temporary.store)).toEqual([id]);
    const { row, contents } = stored();
    expect(row).toMatchObject({ status: 'killed', dropped: 1 });
    expect(contents.at(-1)).toContain('lines are lost here, because the file that kept them is damaged');
  });

  test('of which not even the header is left is set aside and told, once, and keeps nobody from anything', () => {
    spool().close();
    truncateSync(path(), 10);
    const told: string[] = [];
    for (let times = 1; times <= 2; times++) {
      expect(endOrphans(temporary.store, (of, error) => told.push(`${of}: ${messageOf(error)}`))).toEqual([]);
    }
    expect(told).toEqual([
      expect.stringMatching(new RegExp(`^${id}: .* set aside: recorders/${id}\\.0\\.spool\\.damaged$`)),
    ]);
    expect([existsSync(path()), existsSync(`${path()}.damaged`)]).toEqual([false, true]);
  });

  test('whose store went back to before what is left of it says so, and begins a new epoch', () => {
    const writer = spool(200);
    for (let number = 1; number <= 9; number++) writer.append('stdout', Buffer.from(`line ${number}\n`), TIME);
    const first = new SpoolAbsorber(temporary.store, id);
    while (first.step());
    first.close();
    temporary.store.prepare('DELETE FROM log_line').run();
    temporary.store.prepare('UPDATE execution SET log_lines = 0').run();
    temporary.store.prepare('UPDATE spool SET segment = 0, position = 0').run();
    writer.append('stdout', Buffer.from('line 10\n'), TIME);
    appendEnd(writer);
    writer.close();
    expect(endOrphans(temporary.store)).toEqual([id]);
    const { row, contents } = stored();
    expect(row).toMatchObject({ status: 'completed', dropped: 1, log_epoch: 2 });
    expect(contents[0]).toContain('lines are lost here, because the store went back to an earlier state');
    expect(contents.at(-1)).toBe('line 10');
  });
});
