import { readFile } from 'node:fs/promises';
import { expect, test } from '@jest/globals';
import fc from 'fast-check';
import { contrast, inkOf, readableOn } from './ink.js';
import { PLAIN, interned } from './style.js';

const ROWS = { light: [0xfdfdfc, 0xefefeb, 0xfdf1d8], dark: [0x141412, 0x2b2b26, 0x3a2f14] };
const AA = 4.5;

test('the 16 named colours can be read in both themes, also on rows that are marked or under the pointer', async () => {
  const css = await readFile(new URL('../log-colors.css', import.meta.url), 'utf8');
  const colors = [...css.matchAll(/--log-color-(\d+): light-dark\(#(\w{6}), #(\w{6})\);/g)];
  expect(colors.map(([, index]) => Number(index))).toEqual(Array.from({ length: 16 }, (_, index) => index));
  for (const [, , light = '', dark = ''] of colors) {
    for (const page of ROWS.light) expect(contrast(parseInt(light, 16), page)).toBeGreaterThanOrEqual(AA);
    for (const page of ROWS.dark) expect(contrast(parseInt(dark, 16), page)).toBeGreaterThanOrEqual(AA);
  }
});

test('any other colour is moved until it can be read', () => {
  fc.assert(
    fc.property(fc.integer({ min: 0, max: 0xffffff }), (rgb) => {
      for (const page of ROWS.light) expect(contrast(readableOn(0xfdf1d8, rgb, 0), page)).toBeGreaterThanOrEqual(4.3);
      for (const page of ROWS.dark)
        expect(contrast(readableOn(0x3a2f14, rgb, 0xffffff), page)).toBeGreaterThanOrEqual(AA);
    }),
  );
});

test('text on a background of its own can be read, whatever colour it asks for', () => {
  const color = fc.integer({ min: 0, max: 0xffffff }).map((rgb) => ({ rgb }));
  fc.assert(
    fc.property(color, color, fc.boolean(), (foreground, background, inverse) => {
      const { style } = inkOf(interned({ ...PLAIN, foreground, background, inverse }));
      const [text, back] = [style?.['color'], style?.['background-color']].map((css) =>
        parseInt(css?.slice(1) ?? '', 16),
      );
      expect(contrast(text ?? 0, back ?? 0)).toBeGreaterThanOrEqual(AA);
    }),
  );
});

test('a colour that can be read stays as it is', () => {
  expect(readableOn(0xfdf1d8, 0x003366, 0x000000)).toBe(0x003366);
});
