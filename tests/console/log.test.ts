/** Reading a log: followed, jumped in, linked to, searched, copied; as a terminal would leave it. */
import { readFileSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import { beforeAll, expect, test } from '@jest/globals';
import { appendPage, seedAttempt, seedExecution, seedNode } from '../harness/seed.js';
import { until } from '../harness/until.js';
import type { LogLine } from '../../protocol/page.js';
import { pressGg } from './harness/keyboard.js';
import { LogPage } from './harness/log-page.js';
import { useConsole } from './harness/use-console.js';

const LINES = 20_000;
const given = useConsole();
let nodeId: string;
let stored: string;

const at = '2026-01-01T10:00:00Z';
const out = (content: string, type: LogLine['output_type'] = 'stdout'): LogLine => ({
  output_type: type,
  content,
  timestamp: at,
});

async function seed(
  lines: LogLine[],
  status: 'running' | 'completed' = 'completed',
): Promise<{ attemptId: string; executionId: string }> {
  const { world, own } = given.stage;
  const attemptId = await seedAttempt(world.database, {
    organizationId: own.id,
    nodeId,
    state: status === 'running' ? 'partial' : 'complete',
    metadata: { title: 'a log' },
  });
  const executionId = await seedExecution(world.database, {
    attemptId,
    nodeId,
    ordinal: 1,
    status,
    declaredLines: lines.length,
  });
  for (let first = 0; first < lines.length; first += 1000) {
    await appendPage(world.database, executionId, lines.slice(first, first + 1000));
  }
  return { attemptId, executionId };
}

beforeAll(async () => {
  const { world, own } = given.stage;
  nodeId = await seedNode(world.database, own.id, { online: false });
  ({ attemptId: stored } = await seed(
    Array.from({ length: LINES }, (_, index) =>
      out(`line ${index + 1}${(index + 1) % 5000 === 0 ? ' needle' : ''}`, index % 10 === 9 ? 'stderr' : 'stdout'),
    ),
  ));
});

let log: LogPage;
async function open(attemptId: string, hash = ''): Promise<LogPage> {
  log = new LogPage(await given.stage.visit(`/attempts/${attemptId}${hash}`));
  await log.untilDrawn();
  return log;
}

test('it opens at its end, and G, gg and a line number lead anywhere', async () => {
  await open(stored);
  await log.untilDrawn(LINES);
  expect(await log.lastSeen()).toBe(LINES);
  await pressGg(log.page);
  await log.untilDrawn(1);
  expect(await log.firstSeen()).toBe(1);
  await log.press(':');
  await log.page.keyboard.type('12345');
  await log.press('Enter');
  await log.untilDrawn(12_345);
  expect(await log.text(12_345)).toBe('line 12345');
  await log.press('Shift+G');
  await log.untilDrawn(LINES);
});

test('a link leads to a line or a range, which is marked, also after a reload', async () => {
  await open(stored, '#L12000-12020');
  await log.untilDrawn(12_010);
  expect(await log.marked()).toEqual(Array.from({ length: 21 }, (_, index) => 12_000 + index));
  await log.page.reload();
  await log.untilDrawn(12_010);
  expect((await log.marked()).length).toBe(21);
  const other = await open(stored, '#L777');
  await other.untilDrawn(777);
  expect(await other.marked()).toEqual([777]);
});

test('a click on a number links to the line, a click with Shift to the range, and back leads back', async () => {
  await open(stored, '#L500');
  await log.untilDrawn(500);
  const hash = () => log.page.evaluate<string>('location.hash'); // what the browser tells of it comes a little later
  await log.line(503).locator('.log-number').click();
  expect(await hash()).toBe('#L503');
  await log
    .line(507)
    .locator('.log-number')
    .click({ modifiers: ['Shift'] });
  expect(await hash()).toBe('#L503-507');
  expect(await log.marked()).toEqual([503, 504, 505, 506, 507]);
});

test('a log that grows is followed, until the reader scrolls up; then it stays where it is', async () => {
  const { attemptId, executionId } = await seed(
    Array.from({ length: 300 }, (_, index) => out(`line ${index + 1}`)),
    'running',
  );
  await open(attemptId);
  await log.untilDrawn(300);
  expect(await log.isFollowing()).toBe(true);
  const grow = (first: number) =>
    appendPage(
      given.stage.world.database,
      executionId,
      Array.from({ length: 100 }, (_, index) => out(`line ${first + index}`)),
    );
  await grow(301);
  await log.untilDrawn(400);
  expect(await log.lastSeen()).toBe(400);
  await log.region.hover();
  await log.page.mouse.wheel(0, -900);
  await until(async () => !(await log.isFollowing()));
  let before = await log.firstSeen();
  const isAtRest = async () => {
    await sleep(300);
    const former = before;
    before = await log.firstSeen();
    return before === former;
  };
  await until(isAtRest);
  await grow(401);
  await log.page.getByRole('button', { name: /^follow.*100 new/is }).waitFor();
  await sleep(300);
  expect(await log.firstSeen()).toBe(before);
  expect(await log.isFollowing()).toBe(false);
  await log.press('f');
  await log.untilDrawn(500);
  expect(await log.isFollowing()).toBe(true);
  await grow(501);
  await log.untilDrawn(600);
});

test('colours go on from line to line and page to page, and are the same wherever one comes from', async () => {
  const red = '\u001b[31m';
  const lines = Array.from({ length: 3000 }, (_, index) => out(`line ${index + 1}`));
  lines[10] = out(`${red}red from here`);
  lines[2500] = out('\u001b[0mplain from here');
  const { attemptId } = await seed(lines);
  const colourOf = (number: number) =>
    log.page.evaluate<string>(
      `(() => { const text = document.querySelector('[data-line="${number}"] .log-text');
        return getComputedStyle(text.querySelector('span') ?? text).color; })()`,
    );
  await open(attemptId, '#L2000');
  await log.untilDrawn(2000);
  await open(attemptId, '#L1');
  const [plain, inRed] = [await colourOf(1), await colourOf(12)];
  expect(inRed).not.toBe(plain);
  await open(attemptId, '#L30');
  await pressGg(log.page);
  expect(await colourOf(12)).toBe(inRed);
  await open(attemptId, '#L2600');
  expect(await colourOf(2600)).toBe(plain);
});

test('a progress bar stands as a terminal would leave it, and what a terminal erases is erased', async () => {
  const { attemptId } = await seed([
    out('\r  0 %\r 50 %\r100 % done'),
    out('abcdef\rxy'),
    out('abcdef\r\u001b[Kxy'),
    out('a\bb'),
    out('done\r'),
  ]);
  await open(attemptId);
  await log.untilDrawn(5);
  const texts = [await log.text(1), await log.text(2), await log.text(3), await log.text(4), await log.text(5)];
  expect(texts.map((text) => text.trimEnd())).toEqual(['100 % done', 'xycdef', 'xy', 'b', 'done']);
});

test('times, wrapping and streams can be switched', async () => {
  await open(stored, '#L10');
  await log.untilDrawn(10);
  const times = log.region.locator('time');
  expect(await times.count()).toBe(0);
  const seen = new Set<string>();
  for (let press = 0; press < 4; press++) {
    await log.press('t');
    await log.page.waitForTimeout(150);
    seen.add((await times.count()) === 0 ? 'off' : ((await times.first().textContent()) ?? ''));
  }
  expect(seen.size).toBeGreaterThanOrEqual(3); // off, absolute, and at least another one
  const wrap = log.page.getByRole('button', { name: /^wrap/i });
  const isWrapped = await wrap.getAttribute('aria-pressed');
  await log.press('w');
  await until(async () => (await wrap.getAttribute('aria-pressed')) !== isWrapped);
  await log.press('s');
  const streams = async () => {
    const count = (stream: string) => log.region.locator(`[data-stream=${stream}]`).count();
    return [(await count('stdout')) > 0, (await count('stderr')) > 0];
  };
  await until(async () => String(await streams()) === 'true,false');
  await log.press('s');
  await until(async () => String(await streams()) === 'false,true');
});

test('the whole log is searched, and n and N go from match to match', async () => {
  await open(stored);
  await log.untilDrawn(LINES);
  await log.press('/');
  const field = log.page.getByRole('searchbox', { name: 'Search in the log' });
  await field.fill('needle');
  await log.press('Enter');
  await log.page
    .getByText(/of 4$|4 matches|^4$/)
    .first()
    .waitFor();
  const matches = new Set<number>();
  await log.region.focus();
  let shown: number | undefined; // the matches are so far from each other that one is drawn, once its lines are read
  const untilAnother = () =>
    until(async () => {
      const [first] = await log.found();
      const isAnother = first !== undefined && first !== shown;
      if (isAnother) shown = first;
      return isAnother;
    });
  await untilAnother();
  for (let press = 0; press < 4; press++) {
    await log.press('n');
    await untilAnother();
    matches.add(shown ?? 0);
  }
  expect([...matches].toSorted((a, b) => a - b)).toEqual([5000, 10_000, 15_000, 20_000]);
  await log.press('Shift+N');
  await log.press('Escape');
});

test('what is selected is copied as plain text, without numbers, times and escapes', async () => {
  const { attemptId } = await seed([out('\u001b[1mfirst\u001b[0m'), out('second', 'stderr'), out('third')]);
  const page = await given.stage.visit(`/attempts/${attemptId}#L1-3`, {
    context: { permissions: ['clipboard-read', 'clipboard-write'] },
  });
  log = new LogPage(page);
  await log.untilDrawn(3);
  await log.press('t');
  await log.select(1, 3);
  await log.press('Control+c');
  const clipboard = () => page.evaluate<string>('navigator.clipboard.readText()');
  await until(async () => (await clipboard()) === 'first\nsecond\nthird');
});

test('a line is copied with its very characters, whatever is marked where it is drawn', async () => {
  const json = '{"text":"می\u200cخواهم \u202e"}';
  const { attemptId } = await seed([out('first'), out(json), out('last')]);
  const page = await given.stage.visit(`/attempts/${attemptId}#L2`, {
    context: { permissions: ['clipboard-read', 'clipboard-write'] },
  });
  log = new LogPage(page);
  await log.untilDrawn(3);
  expect(await log.line(2).innerText()).toContain('⟨U+200C⟩');
  const clipboard = () => page.evaluate<string>('navigator.clipboard.readText()');
  await log.press('c'); // the marked line
  await until(async () => (await clipboard()) === json);
  await page.evaluate("navigator.clipboard.writeText('')");
  await log.select(2, 2);
  await log.press('Control+c');
  await until(async () => (await clipboard()) === json);
});

test('addresses are links across changes of style, which lead where they read, and are selected and copied as text', async () => {
  const { attemptId } = await seed([
    out('see htt\u001b[31mps://hive.test/a\u001b[0mbc.'),
    out('javascript:alert(1) https://good.test@evil.test/ https://hive.test/\u202egpj.exe'),
  ]);
  const page = await given.stage.visit(`/attempts/${attemptId}`, {
    context: { permissions: ['clipboard-read', 'clipboard-write'] },
  });
  log = new LogPage(page);
  await log.untilDrawn(2);
  const links = page.locator('.log-text a');
  expect(await links.count()).toBe(1);
  expect(await links.innerText()).toBe('https://hive.test/abc');
  const attribute = (name: string) => links.getAttribute(name);
  expect(await Promise.all(['href', 'target', 'rel'].map(attribute))).toEqual([
    ...['https://hive.test/abc', '_blank', 'noopener noreferrer nofollow'],
  ]);
  const box = await links.boundingBox();
  if (!box) throw new Error('the link is seen');
  const { width, height } = box;
  const pointAt = (x: number) => links.hover({ position: { x, y: height / 2 } }); // wherever it is by then
  await pointAt(4);
  await page.mouse.down(); // a drag that begins and ends on the link selects, and opens nothing
  await pointAt(width / 2);
  await pointAt(width - 4);
  await page.mouse.up();
  const selected = /^h?t?tps:\/\/hive\.test\/ab?c?$/;
  expect(await page.evaluate<string>('getSelection().toString()')).toMatch(selected);
  await log.press('Control+c');
  await until(async () => selected.test(await page.evaluate<string>('navigator.clipboard.readText()')));
});

test('the log can be downloaded as it is', async () => {
  await open(stored);
  const downloading = log.page.waitForEvent('download');
  await log.page
    .getByRole('link', { name: /download/i })
    .first()
    .click();
  const text = readFileSync(await (await downloading).path(), 'utf8');
  expect(text.trimEnd().split('\n')).toHaveLength(LINES);
});

test('a line that is JSON folds open', async () => {
  const { attemptId } = await seed([out('{"level":"error","test":{"file":"a.ts","line":3}}'), out('plain')]);
  await open(attemptId);
  const toggle = log.line(1).getByRole('button', { name: /JSON/ });
  await toggle.click();
  await log.line(1).getByRole('tree').waitFor();
  expect(await log.line(1).getByRole('tree').innerText()).toContain('a.ts');
  await toggle.click();
  await log.line(1).getByRole('tree').waitFor({ state: 'detached' });
  expect(await log.line(2).getByRole('button', { name: /JSON/ }).count()).toBe(0);
});
