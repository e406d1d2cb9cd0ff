/** A coding agent's log, read as a conversation: by keyboard, of any length, and while it is printed. */
import { readFileSync } from 'node:fs';
import { expect, test } from '@jest/globals';
import type { Page } from 'playwright-core';
import { join } from 'node:path';
import type { LogLine } from '../../protocol/page.js';
import { projectRoot } from '../../workers/project-root.js';
import { appendPage, seedAttempt, seedExecution, seedNode } from '../harness/seed.js';
import { until } from '../harness/until.js';
import { pressGg } from './harness/keyboard.js';
import { useConsole } from './harness/use-console.js';

const it = useConsole();

const SAMPLE = readFileSync(join(projectRoot(), 'console', 'conversation', 'samples', 'claude-code-work.jsonl'), 'utf8')
  .split('\n')
  .slice(0, -1);
const MANY = 10_000;
const LINES_A_PAGE = 1000;
/** What a jump to a place that was never drawn may cost, on average: CPU time, whatever else the machine does. */
const USUAL_MS = 100;
/** Jumps after which that is known. */
const JUMPS = 100;

const toLine = (content: string): LogLine => ({ output_type: 'stdout', content, timestamp: '2026-01-01T10:00:00Z' });

interface Seeded {
  attemptId: string;
  executionId: string;
}

async function seedRun(contents: readonly string[], status: 'completed' | 'running' = 'completed'): Promise<Seeded> {
  const { database } = it.stage.world;
  const organizationId = it.stage.own.id;
  const nodeId = await seedNode(database, organizationId);
  const state = status === 'completed' ? 'complete' : 'partial';
  const metadata = { title: 'an agent at work', executor: 'CLAUDE_CODE' };
  const attemptId = await seedAttempt(database, { organizationId, nodeId, state, metadata });
  const run = { attemptId, nodeId, ordinal: 1, status, declaredLines: contents.length };
  const executionId = await seedExecution(database, run);
  for (let from = 0; from < contents.length; from += LINES_A_PAGE) {
    await appendPage(database, executionId, contents.slice(from, from + LINES_A_PAGE).map(toLine));
  }
  return { attemptId, executionId };
}

/** @returns the CPU time that the page's main thread spent meanwhile */
async function cpuMsOf(page: Page, work: () => Promise<unknown>): Promise<number> {
  const session = await page.context().newCDPSession(page);
  await session.send('Performance.enable', { timeDomain: 'threadTicks' });
  const spentMs = async () => {
    const { metrics } = await session.send('Performance.getMetrics');
    return 1000 * (metrics.find(({ name }) => name === 'TaskDuration')?.value ?? NaN);
  };
  const before = await spentMs();
  await work();
  return (await spentMs()) - before;
}

const items = (page: Page) => page.getByRole('article');

test('messages, thoughts, tools, edits and the cost are read and opened by keyboard', async () => {
  const { attemptId } = await seedRun(SAMPLE);
  const page = await it.stage.visit(`/attempts/${attemptId}`);
  await page.getByRole('region', { name: 'Log', exact: true }).waitFor();
  await page.keyboard.press('r');
  await items(page).first().waitFor();
  expect(new URL(page.url()).searchParams.get('view')).toBe('conversation');
  await page.getByText('Claude Code', { exact: true }).first().waitFor();
  const thought = items(page).nth(1);
  const fold = thought.getByRole('button', { name: /^Thinking/ });
  expect(await fold.getAttribute('aria-expanded')).toBe('false');
  await page.keyboard.press('j');
  await page.keyboard.press('j');
  await until(async () => (await thought.getAttribute('aria-current')) === 'true');
  await page.keyboard.press('Enter');
  await until(async () => (await fold.getAttribute('aria-expanded')) === 'true');
  for (const text of [
    'for (let i = 0; i < tries; i++) {', // the edit's diff is open
    'Find the loop',
    '$0.18',
    'something_new', // an event nobody knows
  ]) {
    await page.getByRole('feed').getByText(text).first().waitFor();
  }
  await page.keyboard.press('l');
  await page.getByRole('region', { name: 'Log', exact: true }).waitFor();
  expect(new URL(page.url()).hash).toBe('#L2');
  await page.locator('[data-line="2"][aria-current="true"]').waitFor();
});

test('a message that is nested too deeply to be drawn is shown as it was written, beside the others', async () => {
  const text = `${'> '.repeat(2900)}deep`;
  const message = { role: 'assistant', content: [{ type: 'text', text }] };
  const { attemptId } = await seedRun([SAMPLE[0] ?? '', JSON.stringify({ type: 'assistant', message })]);
  const page = await it.stage.visit(`/attempts/${attemptId}?view=conversation`);
  await items(page).nth(1).getByText('> > > deep').waitFor();
  await items(page)
    .first()
    .getByText(/begins$/)
    .waitFor();
});

test('ten thousand events scroll, of which only those that are seen are drawn', async () => {
  const events = Array.from({ length: MANY }, (_, index) => SAMPLE[index % SAMPLE.length] ?? '');
  const { attemptId } = await seedRun(events);
  const page = await it.stage.visit(`/attempts/${attemptId}?view=conversation`);
  await page.getByText(/^Claude Code$/).waitFor();
  await until(async () => (await items(page).first().getAttribute('aria-setsize')) !== '-1', 60_000, 'it is all read');
  const spentMs = await cpuMsOf(page, () =>
    page.evaluate(`(async () => {
      const scroller = document.querySelector('[role=feed]').parentElement;
      for (let step = 0; step < ${JUMPS}; step++) {
        scroller.scrollTop = (scroller.scrollHeight * step) / ${JUMPS};
        await new Promise((drawn) => requestAnimationFrame(() => setTimeout(drawn)));
      }
    })()`),
  );
  expect(await items(page).count()).toBeLessThan(100);
  expect(spentMs).toBeGreaterThan(0);
  expect(spentMs / JUMPS).toBeLessThan(USUAL_MS);
  await page.keyboard.press('G');
  await page.getByText('$0.18').last().waitFor();
  await pressGg(page);
  await until(async () => (await items(page).first().getAttribute('aria-posinset')) === '1');
});

test('what is printed meanwhile comes by itself, and a tool gets its result', async () => {
  const { attemptId, executionId } = await seedRun(SAMPLE.slice(0, 5), 'running');
  const page = await it.stage.visit(`/attempts/${attemptId}?view=conversation`);
  const edit = items(page).filter({ hasText: 'src/retry.ts' });
  await edit.getByText('no result', { exact: true }).waitFor();
  await appendPage(it.stage.world.database, executionId, SAMPLE.slice(5).map(toLine));
  await edit.getByText('completed', { exact: true }).waitFor();
  await page.getByText('$0.18').waitFor();
});

test('a line that is JSON folds open in the log, by keyboard', async () => {
  const { attemptId } = await seedRun(['plain', '{"level":"info","context":{"user":{"id":7}}}']);
  const page = await it.stage.visit(`/attempts/${attemptId}#L2`);
  await page.locator('[data-line="2"][aria-current="true"]').waitFor();
  await page.keyboard.press('o');
  const tree = page.getByRole('tree', { name: 'Line 2 as JSON' });
  await tree.waitFor();
  expect(await tree.innerText()).toMatch(/context[\s\S]*user[\s\S]*id[\s\S]*7/);
  await tree.getByRole('treeitem').first().focus();
  await page.keyboard.press('ArrowLeft');
  await until(async () => (await tree.getByRole('treeitem').count()) === 1);
});
