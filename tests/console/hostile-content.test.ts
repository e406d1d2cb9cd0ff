/**
 * What nodes recorded is data, whatever it holds: tried with a real recording of what somebody who wants to take a
 * reader's browser, or to deceive the reader, would print.
 */
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { beforeAll, expect, test } from '@jest/globals';
import type { Page } from 'playwright-core';
import { until } from '../harness/until.js';
import { LogPage } from './harness/log-page.js';
import { listAttempts } from './harness/recordings.js';
import { useConsole } from './harness/use-console.js';

const ESCAPE = '\u001b';
const BELL = '\u0007';
const MARK = 'window.taken=(window.taken||0)+1';
const ELSEWHERE = 'http://elsewhere.invalid';

const LINES: Record<string, string | Buffer> = {
  script: `<script>${MARK}</script>`,
  image: `<img src=${ELSEWHERE}/pixel.png onerror="${MARK}">`,
  svg: `<svg onload="${MARK}"></svg><iframe srcdoc="<script>parent.${MARK}</script>"></iframe>`,
  style: `<style>@import url(${ELSEWHERE}/style.css); body { display: none }</style>`,
  link: `${ESCAPE}]8;;javascript:${MARK}${ESCAPE}\\press here${ESCAPE}]8;;${ESCAPE}\\`,
  dataLink: `${ESCAPE}]8;;data:text/html,<script>${MARK}</script>${BELL}or here${ESCAPE}]8;;${BELL}`,
  plainLink: `see javascript:${MARK} and vbscript:x and https://example.com/a?b=c.`,
  title: `${ESCAPE}]0;a title of the recording${BELL}${ESCAPE}]2;another${ESCAPE}\\after the title`,
  clear: `before${ESCAPE}[2J${ESCAPE}[H${ESCAPE}cafter the clearing`,
  bidi: `access granted: \u202euser=nimda\u202c \u2066x\u2069 zero\u200bwidth soft\u00adhyphen tag\u{e0041}`,
  invalid: Buffer.concat([
    Buffer.from('invalid: '),
    Buffer.from([0xff, 0xfe, 0xc0, 0x80, 0xed, 0xa0, 0x80]),
    Buffer.from(' end'),
  ]),
  nul: Buffer.from('nul: \0 end'),
  long: `long: ${'x'.repeat(900_000)} end of the long line`,
  cursor: `${ESCAPE}[65535C${`${ESCAPE}[65535D${ESCAPE}[65535Cx${ESCAPE}[1K`.repeat(25_000)} end of the moves`,
  json: `{"list":[${'{"html":"<b onclick=1>x</b>"},'.repeat(20_000)}0]}`,
  deepJson: `${'['.repeat(50_000)}${']'.repeat(50_000)}`,
  prototype: '{"__proto__":{"polluted":true},"constructor":{"prototype":{"polluted":true}},"toString":1}',
  stream: `{"type":"assistant","message":{"role":"assistant","content":[{"type":"text","text":"<img src=x onerror=${MARK}> [press](javascript:${MARK}) ![p](${ELSEWHERE}/p.png) <script>${MARK}</script>"}]}}`,
  sgr: `${ESCAPE}[38;2;255;0;0;1;5mcolours that do not end`,
  last: 'the last line',
};

const TITLE = `<img src=x onerror="${MARK}"> \u202eeltit${ESCAPE}]0;no${BELL}`;

const given = useConsole();
let attemptId: string;

beforeAll(async () => {
  const { stage } = given;
  const file = join(stage.world.directory, 'hostile.txt');
  const text = Object.values(LINES).map((line) => (typeof line === 'string' ? Buffer.from(line) : line));
  writeFileSync(file, Buffer.concat(text.flatMap((line) => [line, Buffer.from('\n')])));
  const agent = stage.world.newAgent('<script>node</script>');
  ({ attemptId } = await agent.record(['cat', file], ['--title', TITLE, '--executor', '<b>executor</b>']));
  agent.connect(stage.hive.url, await stage.own.newKey());
  const access = { url: stage.hive.url, token: stage.own.admin };
  const isWhole = async () => (await listAttempts(access)).some(({ sync_state: state }) => state === 'complete');
  await until(isWhole, 60_000, 'the recording is complete');
});

/** @returns what the page says of itself that no content may change */
function stateOf(page: Page): Promise<unknown> {
  return page.evaluate(
    '({ taken: window.taken, polluted: {}.polluted, scripts: document.querySelectorAll("script:not([src])").length, ' +
      'frames: document.querySelectorAll("iframe, object, embed").length, ' +
      'images: document.querySelectorAll("img[src*=elsewhere], [onerror], [onload], [onclick]").length, ' +
      'links: Array.from(document.querySelectorAll("a[href]"), (link) => link.protocol)' +
      '.filter((protocol) => !/^https?:$/.test(protocol)) })',
  );
}

// eslint-disable-next-line no-control-regex -- these are what it is about
const DECEIVING = /[\u202e\u001b\u0007]/;

const UNTOUCHED = { taken: undefined, polluted: undefined, scripts: 0, frames: 0, images: 0, links: [] };

async function openLog(hash = '#L1'): Promise<Page> {
  const page = await given.stage.visit(`/attempts/${attemptId}${hash}`);
  await new LogPage(page).untilDrawn();
  return page;
}

const lineOf = (page: Page, name: keyof typeof LINES) =>
  new LogPage(page).line(Object.keys(LINES).indexOf(name) + 1).locator('.log-text');

test('markup is shown as it was printed, and nothing of it runs or is fetched', async () => {
  const page = await openLog();
  await page.waitForTimeout(500);
  for (const name of ['script', 'image', 'svg', 'style'] as const) {
    expect(await lineOf(page, name).textContent()).toBe(LINES[name]);
  }
  expect(await stateOf(page)).toEqual(UNTOUCHED);
});

test('a link of a terminal is shown as its text, and no link leads anywhere but to http', async () => {
  const page = await openLog();
  expect(await lineOf(page, 'link').textContent()).toBe('press here');
  expect(await lineOf(page, 'dataLink').textContent()).toBe('or here');
  await lineOf(page, 'link').click();
  const links = lineOf(page, 'plainLink').getByRole('link');
  for (const link of await links.all()) {
    expect(await link.getAttribute('href')).toMatch(/^https:\/\/example\.com\//);
    expect(await link.getAttribute('rel')).toMatch(/noopener/);
  }
  expect(await stateOf(page)).toEqual(UNTOUCHED);
});

test('escapes set no title and clear no screen, and colours end with their line', async () => {
  const page = await openLog();
  expect(await page.title()).not.toMatch(/a title of the recording|another/);
  expect(await lineOf(page, 'title').textContent()).toContain('after the title');
  expect(await lineOf(page, 'clear').textContent()).toContain('before');
  expect(await lineOf(page, 'clear').textContent()).toContain('after the clearing');
  const body = await page.locator('body').innerText();
  expect(body).not.toContain(ESCAPE);
  expect(body).not.toContain(BELL);
});

test('characters that reorder or hide text are seen', async () => {
  const page = await openLog();
  const text = (await lineOf(page, 'bidi').textContent()) ?? '';
  expect(text).not.toMatch(/[\u202a-\u202e\u2066-\u2069\u200b\u00ad\u{e0041}]/u);
  expect(text).toContain('202E');
  for (const code of ['200B', '00AD', 'E0041']) expect(text).toContain(code);
  expect((await lineOf(page, 'invalid').textContent()) ?? '').toMatch(/^invalid: .* end$/);
  expect((await lineOf(page, 'nul').textContent()) ?? '').toMatch(/^nul: .+ end$/);
});

test('the title, node and executor of an attempt are text too, in the list and on its page', async () => {
  for (const path of ['/attempts', `/attempts/${attemptId}`, '/nodes', '/search?q=the+last+line']) {
    const page = await given.stage.visit(path);
    await page.getByRole('heading', { level: 1 }).first().waitFor();
    await page.waitForTimeout(700);
    expect({ path, ...((await stateOf(page)) as object) }).toEqual({ path, ...UNTOUCHED });
    expect(await page.title()).not.toMatch(DECEIVING);
    expect(await page.locator('body').innerText()).not.toMatch(DECEIVING);
    await page.close();
  }
});

test('a line of nearly a megabyte, one whose cursor moves for too long, and huge JSON do not stop the page', async () => {
  const page = await openLog('#L13-20');
  const start = performance.now();
  await page.keyboard.press('Shift+G');
  await lineOf(page, 'last').waitFor();
  await page.keyboard.press('w');
  await page.keyboard.press('w');
  await lineOf(page, 'last').waitFor();
  expect(performance.now() - start).toBeLessThan(45_000);
  expect(await stateOf(page)).toEqual(UNTOUCHED);
});

test('as a conversation, it is text too', async () => {
  const page = await openLog();
  await page.keyboard.press('r');
  await page.waitForTimeout(1500);
  expect(await stateOf(page)).toEqual(UNTOUCHED);
});
