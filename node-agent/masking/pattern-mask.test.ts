import { beforeAll, describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import { PatternMask, type FindRanges } from './pattern-mask.js';
import { secretPatterns } from './secret-patterns.js';

/** Made up; each has the form of the real thing. */
const GITHUB = `ghp_${'aB3'.repeat(12)}`;
const SECRETS: [string, string][] = [
  ['github', GITHUB],
  ['npm', `npm_${'x1Y'.repeat(12)}`],
  ['slack', 'xoxb-123456789012-123456789012-AbCdEfGhIjKlMnOpQrStUvWx'],
  ['openai', `sk-${'a'.repeat(20)}T3BlbkFJ${'b'.repeat(20)}`],
  ['linear', `lin_api_${'q'.repeat(40)}`],
  ['shopify', 'shpat_r8TRc9ZXAvcVvcrmtr7qoVw69WeeY1ex'],
  ['sendgrid', `SG.${'a'.repeat(22)}.${'b'.repeat(43)}`],
  ['basicauth', 'https://alice:hunter2secret@example.com'],
];
const KEY_LINES = ['MIIEvQIBADANBgkqhkiG9w0BAQEFAASCBKcw', 'ggSjAgEAAoIBAQC7VJTUt9Us8cKj'];
const PEM = [
  '-----BEGIN RSA PRIVATE KEY-----',
  'Proc-Type: 4,ENCRYPTED',
  '',
  ...KEY_LINES,
  '-----END RSA PRIVATE KEY-----',
];

let patterns: FindRanges[];
beforeAll(async () => {
  patterns = await secretPatterns();
});

function mask(chunks: readonly Buffer[], idleAfter = -1): { text: string; count: number } {
  const patternMask = new PatternMask(patterns, true);
  const parts = chunks.flatMap((chunk, index) => [
    Buffer.from(patternMask.push(chunk)),
    index === idleAfter ? patternMask.idle() : Buffer.alloc(0),
  ]);
  return { text: Buffer.concat([...parts, patternMask.end()]).toString(), count: patternMask.count };
}

function pieces(bytes: Buffer, size: number): Buffer[] {
  return Array.from({ length: Math.ceil(bytes.length / size) }, (_, index) =>
    Buffer.from(bytes.subarray(index * size, (index + 1) * size)),
  );
}

describe('masking what looks like a secret', () => {
  test.each(SECRETS)('masks one of %s, however the bytes are split into chunks', (name, secret) => {
    for (const size of [1, 7, 64, 100_000]) {
      const { text, count } = mask(pieces(Buffer.from(`žluť ${secret} after\nnext\n`), size));
      expect(text).toMatch(new RegExp(`^žluť \\[masked:${name}\\].* after\\nnext\\n$`));
      expect(count).toBe(1);
    }
  });

  test('masks one in a line of several MiB, wherever it stands', () => {
    for (const at of [0, 65_530, 65_536 * 2 - 10, 1024 * 1024 - 20, 3_000_000]) {
      const line = `${'ž '.repeat(at / 2)}${GITHUB}${' x'.repeat(100_000)}`;
      const { text, count } = mask(pieces(Buffer.from(`${line}\n`), 65_536));
      expect([text.includes('ghp_'), count]).toEqual([false, 1]);
      expect(text.replace('[masked:github]', GITHUB)).toBe(`${line}\n`);
    }
  });

  test('masks a private key line by line and keeps the lines', () => {
    for (const size of [1, 30, 1000]) {
      const bytes = Buffer.from(`before\n${PEM.join('\r\n')}\r\nafter\r\n`);
      const lines = mask(pieces(bytes, size)).text.split('\r\n');
      expect(lines).toEqual([
        'before\n[masked:privatekey]',
        '[masked:privatekey]',
        '',
        '[masked:privatekey]',
        '[masked:privatekey]',
        '[masked:privatekey]',
        'after',
        '',
      ]);
    }
  });

  test('masks a private key within JSON', () => {
    const json = JSON.stringify({ a: 1, key: `${PEM.join('\n')}\n`, b: 2 });
    expect(mask([Buffer.from(`${json}\n`)]).text).toBe('{"a":1,"key":"[masked:privatekey]\\n","b":2}\n');
  });

  test('loses nothing of code that only mentions a private key', () => {
    const code = 'if (text.startsWith("-----BEGIN PRIVATE KEY-----")) {\n  return true;\n}\n';
    expect(mask([Buffer.from(code)]).text).toBe(code.replace('-----BEGIN PRIVATE KEY-----', '[masked:privatekey]'));
    const list = '-----BEGIN PRIVATE KEY-----\nis the first line.\nOf a key.\n';
    expect(mask([Buffer.from(list)]).text).toBe(list.replace('-----BEGIN PRIVATE KEY-----', '[masked:privatekey]'));
  });

  test('shows in a pause what can be no part of a secret', () => {
    const idle = (output: string) => {
      const patternMask = new PatternMask(patterns, true);
      return Buffer.concat([patternMask.push(Buffer.from(output)), patternMask.idle()]).toString();
    };
    expect(idle('line\nPassword: ')).toBe('line\nPassword: ');
    expect(idle('.....')).toBe('.....');
    expect(idle('10% |####    |\r')).toBe('10% |####    |\r');
    expect(idle(`token ${GITHUB.slice(0, 20)}`)).toBe('token ');
    expect(idle('-----BEGIN RSA PRIVATE')).toBe('');
  });

  test('masks a secret that was interrupted by a pause', () => {
    const bytes = Buffer.from(`token ${GITHUB}\n`);
    for (let cut = 1; cut < bytes.length; cut++) {
      const { text } = mask([bytes.subarray(0, cut), bytes.subarray(cut)], 0);
      expect(text).toBe('token [masked:github]\n');
    }
  });

  test('gives the same however the bytes are split, and keeps all other bytes', () => {
    const part = fc.oneof(
      fc.constantFrom(GITHUB, `${PEM.join('\n')}\n`, 'PRIVATE KEY', '-----BEGIN PRIVATE KEY-----', '\n', ' ', '"\n'),
      fc.stringMatching(/^[a-z.: \n-]{0,12}$/),
    );
    fc.assert(
      fc.property(fc.array(part, { maxLength: 20 }), fc.integer({ min: 1, max: 80 }), (parts, size) => {
        const bytes = Buffer.from(parts.join(''));
        const masked = mask(pieces(bytes, size));
        expect(masked).toEqual(mask([bytes]));
        expect(masked.text).not.toContain(GITHUB);
        for (const line of KEY_LINES) expect(masked.text).not.toContain(line);
        expect(masked.text.split('\n')).toHaveLength(bytes.toString().split('\n').length);
      }),
      { numRuns: 300 },
    );
  });
});
