/** The page codec and the frames around it, with all kinds of input. */
import { gzipSync } from 'node:zlib';
import fc from 'fast-check';
import { expect, test } from '@jest/globals';
import { decodeLogPageFrame, encodeLogPageFrame } from '../../protocol/binary-frame.js';
import { hiveFrame, nodeFrame, type LogPageHeader } from '../../protocol/frames.js';
import { checkPage, encodeLine, encodePage, OUTPUT_TYPES, PageError, type LogLine } from '../../protocol/page.js';
import { parseLine } from '../../protocol/page-line.js';
import { decodeTextFrame, encodeTextFrame, FrameError } from '../../protocol/text-frame.js';
import { linesOfPage } from '../harness/page-lines.js';
import { anyHiveFrame, anyNodeFrame, anyText, time } from './arbitraries.js';

const line = fc
  .record({
    output_type: fc.constantFrom(...OUTPUT_TYPES),
    content: anyText,
    timestamp: time,
    partial: fc.boolean(),
  })
  .map(({ partial, ...rest }): LogLine => (partial ? { ...rest, partial } : rest));
const lines = fc.array(line, { minLength: 1, maxLength: 40 });
const header: fc.Arbitrary<LogPageHeader> = fc
  .record({
    type: fc.constant('log_page' as const),
    execution_id: fc.uuid(),
    log_epoch: fc.nat(),
    request_id: fc.option(fc.uuid()),
    first_seq: fc.integer({ min: 1, max: 1_000_000_000 }),
    length: fc.nat(1_000_000_000),
  })
  .map(({ length, ...rest }) => ({ ...rest, last_seq: rest.first_seq + length }));

/** One change to the bytes of a page. */
const mutation = fc.oneof(
  fc.record({ kind: fc.constant('flip' as const), at: fc.nat(), bits: fc.integer({ min: 1, max: 255 }) }),
  fc.record({ kind: fc.constant('cut' as const), at: fc.nat() }),
  fc.record({
    kind: fc.constant('insert' as const),
    at: fc.nat(),
    bytes: fc.uint8Array({ minLength: 1, maxLength: 20 }),
  }),
  fc.record({ kind: fc.constant('remove' as const), at: fc.nat(), count: fc.integer({ min: 1, max: 20 }) }),
);

function mutate(bytes: Buffer, change: typeof mutation extends fc.Arbitrary<infer T> ? T : never): Buffer {
  const at = change.at % bytes.length;
  const [before, after] = [bytes.subarray(0, at), bytes.subarray(at)];
  switch (change.kind) {
    case 'flip':
      return Buffer.concat([before, Buffer.from([(bytes[at] ?? 0) ^ change.bits]), after.subarray(1)]);
    case 'cut':
      return before;
    case 'insert':
      return Buffer.concat([before, change.bytes, after]);
    case 'remove':
      return Buffer.concat([before, after.subarray(change.count)]);
  }
}

test('lines encoded as a page are read back unchanged', async () => {
  await fc.assert(
    fc.asyncProperty(lines, fc.integer({ min: 1, max: 1_000_000 }), async (all, firstSeq) => {
      const page = await encodePage(all.map(encodeLine).join('\n'));
      const content = await checkPage(page, firstSeq, firstSeq + all.length - 1);
      const counts = Object.values(content.lineCounts);
      expect(counts.reduce((sum, count) => sum + count)).toBe(all.length);
      // the bytes of a page are UTF-8: a lone surrogate is sent as its JSON escape
      expect(await linesOfPage({ gzip: page, firstSeq, lastSeq: firstSeq + all.length - 1 })).toEqual(all);
    }),
    { numRuns: 300 },
  );
});

test('a page that was changed on its way is refused, or still has all its lines', async () => {
  await fc.assert(
    fc.asyncProperty(lines, mutation, async (all, change) => {
      const page = mutate(await encodePage(all.map(encodeLine).join('\n')), change);
      const content = await checkPage(page, 1, all.length).catch((error: unknown) => error);
      if (content instanceof PageError) return;
      expect(content).toHaveProperty('rawBytes');
      expect(await linesOfPage({ gzip: page, firstSeq: 1, lastSeq: all.length })).toEqual(all); // only a field that gzip ignores was changed: a time, a flag
    }),
    { numRuns: 1000 },
  );
});

test('the byte-wise check accepts the lines that the parser accepts, and no others', async () => {
  const bytes = '{}"\\\\\n\r\t\0\x1f\x7fu0dDTz:-.9é'.split('');
  const changes = fc.array(fc.record({ at: fc.nat(), cut: fc.nat(2), put: fc.constantFrom('', ...bytes) }), {
    maxLength: 3,
  });
  let refused = 0;
  await fc.assert(
    fc.asyncProperty(lines, changes, async (all, applied) => {
      let ndjson = all.map(encodeLine).join('\n');
      for (const { at, cut, put } of applied) {
        const place = at % (ndjson.length + 1);
        ndjson = ndjson.slice(0, place) + put + ndjson.slice(place + cut);
      }
      ndjson = Buffer.from(ndjson).toString(); // half a surrogate pair is not UTF-8
      const texts = ndjson.split('\n');
      if (texts.at(-1) === '') texts.pop();
      const expected = parsed(texts);
      if (!expected) refused++;
      const content = await checkPage(gzipSync(ndjson), 1, texts.length).catch((error: unknown) => error);
      if (expected) expect(content).toMatchObject({ lineCounts: expected });
      else expect(content).toMatchObject({ code: 'bad_line' });
    }),
    { numRuns: 3000 },
  );
  expect(refused).toBeGreaterThan(500);
});

function parsed(texts: string[]): Record<string, number> | undefined {
  const counts = { stdout: 0, stderr: 0, system: 0 };
  try {
    for (const [index, text] of texts.entries()) counts[parseLine(text, index + 1).output_type]++;
    return counts;
  } catch {
    return undefined;
  }
}

test('a page with a wrong number of lines is refused', async () => {
  await fc.assert(
    fc.asyncProperty(lines, fc.integer({ min: -50, max: 50 }), async (all, lie) => {
      fc.pre(lie !== 0);
      const page = await encodePage(all.map(encodeLine).join('\n'));
      await expect(checkPage(page, 1, all.length + lie)).rejects.toMatchObject({ code: 'line_count' });
    }),
    { numRuns: 200 },
  );
});

test('bytes that are not a page are refused', async () => {
  await fc.assert(
    fc.asyncProperty(fc.uint8Array({ maxLength: 2000 }), async (bytes) => {
      await expect(checkPage(Buffer.from(bytes), 1, 1)).rejects.toBeInstanceOf(PageError);
    }),
    { numRuns: 500 },
  );
});

test('a binary frame is decoded to what was encoded', () => {
  fc.assert(
    fc.property(header, fc.uint8Array({ maxLength: 1000 }), (head, bytes) => {
      const decoded = decodeLogPageFrame(encodeLogPageFrame({ header: head, gzip: Buffer.from(bytes) }));
      expect(decoded.header).toEqual(head);
      expect(decoded.gzip.equals(Buffer.from(bytes))).toBe(true);
    }),
  );
});

test('a binary frame that was changed is still a frame, or a FrameError', () => {
  fc.assert(
    fc.property(header, mutation, (head, change) => {
      const frame = mutate(encodeLogPageFrame({ header: head, gzip: Buffer.from('page') }), change);
      expectFrameOrError(() => decodeLogPageFrame(frame));
    }),
    { numRuns: 1000 },
  );
});

test('text frames are decoded to what was encoded', () => {
  fc.assert(
    fc.property(anyNodeFrame, (frame) => {
      expect(decodeTextFrame(nodeFrame, encodeTextFrame(frame))).toEqual(frame);
    }),
  );
  fc.assert(
    fc.property(anyHiveFrame, (frame) => {
      expect(decodeTextFrame(hiveFrame, encodeTextFrame(frame))).toEqual(frame);
    }),
  );
});

test('any text or JSON is a frame, or a FrameError', () => {
  const text = fc.oneof(
    fc.string(),
    anyText,
    fc.json(),
    fc.uint8Array().map((bytes) => Buffer.from(bytes)),
  );
  fc.assert(
    fc.property(text, (frame) => expectFrameOrError(() => decodeTextFrame(nodeFrame, frame))),
    { numRuns: 1000 },
  );
});

test('nesting too deep for a parser is a FrameError', () => {
  for (const depth of [501, 10_000, 200_000]) {
    const deep = '['.repeat(depth) + ']'.repeat(depth);
    expect(() => decodeTextFrame(nodeFrame, deep)).toThrow(FrameError);
    const inside = `{"type":"execution_sync","data":{"executor_action":${deep}}}`;
    expect(() => decodeTextFrame(nodeFrame, inside)).toThrow(FrameError);
  }
});

function expectFrameOrError(decode: () => unknown): void {
  try {
    decode();
  } catch (error) {
    expect(error).toBeInstanceOf(FrameError);
  }
}
