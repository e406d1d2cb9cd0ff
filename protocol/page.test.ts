import { gunzipSync, gzipSync } from 'node:zlib';
import { expect, test } from '@jest/globals';
import { MAX_LINE_BYTES, MAX_PAGE_GZIP_BYTES, MAX_PAGE_RAW_BYTES } from './limits.js';
import { linesOfPage } from '../tests/harness/page-lines.js';
import { checkPage, encodeLine, encodePage, readPage, type LogLine } from './page.js';
import { endOfUsualLine, pageText, usualFormAt } from './usual-line.js';

const timestamp = '2026-02-01T10:00:00.000Z';
const line = (content: string, outputType: LogLine['output_type'] = 'stdout'): LogLine => ({
  output_type: outputType,
  content,
  timestamp,
});
const gzipOf = (ndjson: string | Buffer) => gzipSync(ndjson);

test('a page is the gzip of NDJSON, to the byte', async () => {
  const page = await encodePage([line('a'), line('b "q" \\ 🐎\0', 'stderr')].map(encodeLine).join('\n'));
  expect(gunzipSync(page).toString()).toBe(
    '{"output_type":"stdout","content":"a","timestamp":"2026-02-01T10:00:00.000Z"}\n' +
      '{"output_type":"stderr","content":"b \\"q\\" \\\\ 🐎\\u0000","timestamp":"2026-02-01T10:00:00.000Z"}\n',
  );
});

test('the check counts lines by type and measures the size; reading returns the lines', async () => {
  const lines = [line('a'), line('', 'stderr'), line('c\ud800', 'system'), line('d')];
  const page = await encodePage(lines.map(encodeLine).join('\n'));
  const content = await checkPage(page, 7, 10);
  expect(content).toEqual({ rawBytes: gunzipSync(page).length, lineCounts: { stdout: 2, stderr: 1, system: 1 } });
  expect(await linesOfPage({ gzip: page, firstSeq: 7, lastSeq: 10 })).toEqual(lines);
});

test('reading returns the wanted lines, by number and type, each in the usual form, however it was sent', async () => {
  const usual = encodeLine(line('a "b" é\u2028'));
  const other = `{ "timestamp":"${timestamp}", "content":"a\\u0022", "more":[1], "output_type":"stderr" }`;
  const gzip = gzipOf([usual, other, encodeLine(line('c')), encodeLine(line('d', 'stderr'))].join('\n'));
  const page = { gzip, firstSeq: 7, lastSeq: 10 };
  const first = { seq: 7, json: usual };
  const second = { seq: 8, json: encodeLine(line('a"', 'stderr')) };
  const third = { seq: 9, json: encodeLine(line('c')) };
  const fourth = { seq: 10, json: encodeLine(line('d', 'stderr')) };
  expect(await readPage(page, { fromSeq: 7, toSeq: 10 })).toEqual([first, second, third, fourth]);
  expect(await readPage(page, { fromSeq: 8, toSeq: 9 })).toEqual([second, third]);
  expect(await readPage(page, { fromSeq: 1, toSeq: 99, outputType: 'stderr' })).toEqual([second, fourth]);
  await expect(readPage({ ...page, lastSeq: 11 }, { fromSeq: 7, toSeq: 7 })).rejects.toMatchObject({
    code: 'line_count',
  });
});

test('a partial line is in its usual form, and is read as it was sent', async () => {
  const partial = { ...line('50%\r'), partial: true };
  const whole = { ...line('100%'), partial: false };
  const text = encodeLine(partial);
  expect(text).toBe(
    '{"output_type":"stdout","content":"50%\\r","timestamp":"2026-02-01T10:00:00.000Z","partial":true}',
  );
  expect(encodeLine(whole)).toBe(encodeLine(line('100%')));
  const raw = pageText(Buffer.from(`${text}\n${text}`));
  const form = usualFormAt(raw, 0);
  expect(form && endOfUsualLine(raw, 0, form)).toBe(text.length);
  expect(form && endOfUsualLine(raw, text.length + 1, form)).toBe(raw.raw.length);
  const other = `{"partial":true,"output_type":"stdout","content":"50%\\r","timestamp":"${timestamp}"}`;
  const gzip = gzipOf([text, other, text.replace('true', 'false'), text.replace('true', 'null')].join('\n'));
  const read = await readPage({ gzip, firstSeq: 1, lastSeq: 4 }, { fromSeq: 1, toSeq: 4 });
  expect(read.map(({ json }) => json)).toEqual([text, text, ...Array<string>(2).fill(encodeLine(line('50%\r')))]);
});

test('the last newline may be missing', async () => {
  expect((await checkPage(gzipOf(encodeLine(line('a'))), 1, 1)).lineCounts.stdout).toBe(1);
});

test('a line of exactly 1 MiB passes, one byte more does not; bytes count, not characters', async () => {
  await checkPage(gzipOf(encodeLine(line('x'.repeat(MAX_LINE_BYTES)))), 1, 1);
  await checkPage(gzipOf(encodeLine(line('é'.repeat(MAX_LINE_BYTES / 2)))), 1, 1);
  await expect(checkPage(gzipOf(encodeLine(line('x'.repeat(MAX_LINE_BYTES + 1)))), 1, 1)).rejects.toThrow(
    /line 1: content/,
  );
  await expect(checkPage(gzipOf(encodeLine(line('é'.repeat(MAX_LINE_BYTES / 2 + 1)))), 1, 1)).rejects.toThrow(
    /content/,
  );
});

const good = encodeLine(line('a'));
test.each<[string, Buffer, number, string]>([
  ['fewer lines than its numbers say', gzipOf(`${good}\n`), 2, 'line_count'],
  ['more lines than its numbers say', gzipOf(`${good}\n${good}\n`), 1, 'line_count'],
  ['an empty line', gzipOf(`\n`), 1, 'bad_line'],
  ['a line that is not JSON', gzipOf('{"a"\n'), 1, 'bad_line'],
  ['a line that is not an object', gzipOf('null\n'), 1, 'bad_line'],
  ['an unknown output type', gzipOf(`${good.replace('stdout', 'stdin')}\n`), 1, 'bad_line'],
  ['content that is not a string', gzipOf(`${good.replace('"a"', '1')}\n`), 1, 'bad_line'],
  ['no time', gzipOf('{"output_type":"stdout","content":""}\n'), 1, 'bad_line'],
  ['a time of another form', gzipOf(`${good.replace(timestamp, 'yesterday')}\n`), 1, 'bad_line'],
  ['a partial that is neither true nor false', gzipOf(`${good.slice(0, -1)},"partial":"true"}\n`), 1, 'bad_line'],
  ['a partial that is cut', gzipOf(`${good.slice(0, -1)},"partial":tru}\n`), 1, 'bad_line'],
  ['bytes that are not UTF-8', gzipOf(Buffer.from([0x22, 0xff, 0x22])), 1, 'not_utf8'],
  ['no gzip', Buffer.from('plain'), 1, 'not_gzip'],
  ['a truncated gzip', gzipOf(`${good}\n`).subarray(0, -3), 1, 'not_gzip'],
  ['a wrong checksum', corrupt(gzipOf(`${good}\n`)), 1, 'not_gzip'],
  ['bytes after the gzip stream', Buffer.concat([gzipOf(`${good}\n`), Buffer.from([0])]), 1, 'not_gzip'],
  ['nothing in it', Buffer.alloc(0), 1, 'not_gzip'],
  ['too much after gunzip', gzipOf(Buffer.alloc(MAX_PAGE_RAW_BYTES + 1, ' ')), 1, 'too_large'],
  ['too many bytes of gzip', Buffer.alloc(MAX_PAGE_GZIP_BYTES + 1), 1, 'too_large'],
])('a page with %s is refused', async (_what, page, lastSeq, code) => {
  await expect(checkPage(page, 1, lastSeq)).rejects.toMatchObject({ name: 'PageError', code });
});

test('an error names the line, and does not quote it', async () => {
  const secret = encodeLine(line('top secret')).slice(0, -1);
  await expect(checkPage(gzipOf(`${good}\n${secret}\n`), 41, 42)).rejects.toThrow(/^line 42 is not JSON$/);
});

/** Flips a bit of the CRC in the trailer. */
function corrupt(gzip: Buffer): Buffer {
  const copy = Buffer.from(gzip);
  copy.writeUInt32LE((copy.readUInt32LE(copy.length - 8) ^ 1) >>> 0, copy.length - 8);
  return copy;
}
