import { describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import { literalsOf } from './literals.js';
import { ValueMask } from './value-mask.js';

function mask(values: Record<string, string>, chunks: readonly Buffer[]): { text: string; count: number } {
  const valueMask = new ValueMask(Object.entries(values).flatMap(([name, value]) => literalsOf(name, value)));
  const parts = chunks.map((chunk) => Buffer.from(valueMask.push(chunk)));
  return { text: Buffer.concat([...parts, valueMask.end()]).toString(), count: valueMask.count };
}

function pieces(bytes: Buffer, size: number): Buffer[] {
  return Array.from({ length: Math.ceil(bytes.length / size) }, (_, index) =>
    Buffer.from(bytes.subarray(index * size, (index + 1) * size)),
  );
}

const KEY = 'k3y"with\\quote+/=&é';

describe('masking a value', () => {
  const forms: [string, string][] = [
    ['itself', KEY],
    ['in JSON', JSON.stringify({ KEY })],
    ['in JSON within JSON', JSON.stringify(JSON.stringify({ KEY }))],
    ['in a URL', `https://host/?key=${encodeURIComponent(KEY)}`],
    ['in a URL with small letters', encodeURIComponent(KEY).replace(/%../g, (code) => code.toLowerCase())],
    ['in base64', Buffer.from(KEY).toString('base64')],
    ['as the second part of base64', Buffer.from(`user:${KEY}`).toString('base64')],
    ['in the middle of base64url', Buffer.from(`1234${KEY}-and more`).toString('base64url')],
  ];
  test.each(forms)('finds it %s, however the bytes are split into chunks', (_name, text) => {
    const bytes = Buffer.from(`before ${text} after\n`);
    for (const size of [1, 2, 3, 5, 16, 1000]) {
      const { text: masked, count } = mask({ KEY }, pieces(bytes, size));
      expect(masked).toContain('[masked:KEY]');
      expect(masked).toMatch(/^before .* after\n$/);
      expect(count).toBe(1);
    }
  });

  test('leaves the bytes as they are where it does not stand, also bytes that are not UTF-8', () => {
    const bytes = Buffer.from([0x61, 0xff, 0xfe, 0x0a, 0xc3]);
    const valueMask = new ValueMask(literalsOf('KEY', KEY));
    expect(Buffer.concat([valueMask.push(bytes), valueMask.end()])).toEqual(bytes);
  });

  test('holds back only what may be the beginning of the value', () => {
    const valueMask = new ValueMask(literalsOf('KEY', 'secret-value'));
    expect(valueMask.push(Buffer.from('a secret-')).toString()).toBe('a ');
    expect(valueMask.push(Buffer.from('garden\nPassword: ')).toString()).toBe('secret-garden\nPassword: ');
    expect(valueMask.end().toString()).toBe('');
  });

  test('does not lose the rest of a longer value because a shorter one is in it', () => {
    const values = { SHORT: 'secret', LONG: 'secret-and-more', TAIL: 'more-of-it' };
    for (const size of [1, 4, 100]) {
      const { text } = mask(values, pieces(Buffer.from('x secret-and-more y secret-and-more-of-it z secret'), size));
      expect(text).toBe('x [masked:LONG] y [masked:LONG] z [masked:SHORT]');
    }
  });

  test('masks each line of a value of several lines, also where a terminal ends them with CR LF', () => {
    const pem = '-----BEGIN KEY-----\nAAAABBBBCCCC\nDDDDEEEEFFFF\nend\n';
    expect(mask({ PEM: pem }, [Buffer.from('AAAABBBBCCCC\r\nDDDDEEEEFFFF\r\nend\r\n')]).text).toBe(
      '[masked:PEM]\r\n[masked:PEM]\r\nend\r\n',
    );
  });

  test('leaves a value of fewer than four bytes alone', () => {
    expect(mask({ ANSWER: 'yes' }, [Buffer.from('yes\n')])).toEqual({ text: 'yes\n', count: 0 });
  });

  test('gives back in bounds what consists of overlapping values only', () => {
    const valueMask = new ValueMask(literalsOf('KEY', 'aaaa'));
    let given = 0;
    for (let round = 0; round < 40; round++) given += valueMask.push(Buffer.alloc(4096, 'a')).length;
    expect(given).toBeGreaterThan(0);
    expect(valueMask.end().toString()).not.toContain('aaaa');
  });

  test('gives the same however the bytes are split, and never shows a value', () => {
    const value = fc.constantFrom('abab', 'abc-abd', 'babc', 'aaaa', 'dcba--');
    const output = fc.array(fc.oneof(value, fc.stringMatching(/^[abcd\n-]{0,6}$/)), { maxLength: 30 });
    const cuts = fc.array(fc.integer({ min: 1, max: 9 }), { minLength: 1, maxLength: 20 });
    fc.assert(
      fc.property(fc.uniqueArray(value, { minLength: 1 }), output, cuts, (values, parts, sizes) => {
        const bytes = Buffer.from(parts.join(''));
        const chunks: Buffer[] = [];
        for (let at = 0, index = 0; at < bytes.length; index++) {
          const size = sizes[index % sizes.length] ?? 1;
          chunks.push(bytes.subarray(at, (at += size)));
        }
        const named = Object.fromEntries(values.map((text, index) => [`V${index}`, text]));
        const masked = mask(named, chunks);
        expect(masked).toEqual(mask(named, [bytes]));
        for (const text of values) expect(masked.text).not.toContain(text);
      }),
      { numRuns: 500 },
    );
  });
});
