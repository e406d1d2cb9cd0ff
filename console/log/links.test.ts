import { cpuUsage } from 'node:process';
import { expect, test } from '@jest/globals';
import { PLAIN } from './ansi/style.js';
import { terminalLine } from './ansi/terminal-line.js';
import { piecesOf } from './line-pieces.js';
import { addressesIn, MAX_LINKS, withLinks } from './links.js';

const linksOf = (text: string, isCut = false) => addressesIn(text, isCut).map(({ from, to }) => text.slice(from, to));

test.each([
  ['see https://hive.test/a?b=c#d.', 'https://hive.test/a?b=c#d'],
  ['(http://localhost:3000/)', 'http://localhost:3000/'],
  ['https://en.wikipedia.org/wiki/Bee_(insect), and', 'https://en.wikipedia.org/wiki/Bee_(insect)'],
  ['[docs](https://hive.test/x)', 'https://hive.test/x'],
  ['"https://hive.test/x","y"', 'https://hive.test/x'],
  ['HTTPS://HIVE.TEST/', 'HTTPS://HIVE.TEST/'],
  ['http://[::1]:80/x', 'http://[::1]:80/x'],
  ['见 https://hive.test/x。', 'https://hive.test/x'],
  ['<a href="https://hive.test/x">', 'https://hive.test/x'],
])('in %s, the address is %s', (text, address) => {
  expect(linksOf(text)).toEqual([address]);
});

test.each([
  ['another scheme', 'javascript:alert(1) data:text/html,x ftp://a.test file:///etc/passwd ssh://a.test vbscript://x'],
  ['a scheme that only ends so', 'xhttps://a.test evil+https://a.test my-http://a.test'],
  ['no host', 'https:// https://? http://:80'],
  ['a name before the host', 'https://bank.test@evil.test/ https://user:secret@hive.test/'],
  ['a mark of direction in it', 'https://hive.test/\u202egpj.exe'],
  ['a hidden character in it', 'https://hive.test\u200b.evil.test/ https://hive.test\u00ad/'],
  ['a control character in it', 'https://hive.test/\u0007x'],
  ['letters of another script in it', 'https://аррle.test https://hive.test/\u0430'],
  ['more than a browser takes', `https://hive.test/${'x'.repeat(3000)}`],
])('%s is no link', (_, text) => {
  expect(linksOf(text)).toEqual([]);
});

test('an address that is cut off is no link, because it would lead elsewhere', () => {
  expect(linksOf('https://a.test/1 https://a.test/2', true)).toEqual(['https://a.test/1']);
  expect(linksOf('https://a.test/1 https://a.test/2 and', true)).toHaveLength(2);
});

test('an address goes on across changes of style and matches, and nothing of the text is lost', () => {
  const content = '\x1b[1mgo to htt\x1b[31mps://hive.te\x1b[0mst/x\x1b]8;;javascript:alert(1)\x07 now';
  const at = content.indexOf('hive');
  const pieces = piecesOf(content, terminalLine(content, PLAIN).runs, [[at, at + 4]]);
  const shown = withLinks(pieces, false);
  const link = shown.find((one) => 'href' in one);
  expect(link?.href).toBe('https://hive.test/x');
  expect(link?.pieces.map(({ text, isMatch }) => (isMatch ? `[${text}]` : text))).toEqual([
    ...['htt', 'ps://', '[hive]', '.te', 'st/x'],
  ]);
  const text = shown.flatMap((one) => ('href' in one ? one.pieces : [one])).map((piece) => piece.text);
  expect(text.join('')).toBe('go to https://hive.test/x now');
});

test('a line of 1 MiB of addresses, or of what looks like some, costs little', () => {
  for (const part of ['https://a.test/x ', 'https://', 'https://a.test/)))))', "https://a.test/''''", '(', 'http']) {
    const text = part.repeat(Math.ceil(2 ** 20 / part.length));
    const began = cpuUsage();
    const links = withLinks([{ text, style: PLAIN, isMatch: false }], false).filter((one) => 'href' in one);
    const { user, system } = cpuUsage(began);
    expect(links.length).toBeLessThanOrEqual(MAX_LINKS);
    expect((user + system) / 1000).toBeLessThan(500);
  }
});
