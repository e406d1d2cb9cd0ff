/** The list of attempts: what it shows, how it is filtered, and that it is live. */
import { beforeAll, describe, expect, test } from '@jest/globals';
import { seedAttempt, seedExecution, seedNode } from '../harness/seed.js';
import { until } from '../harness/until.js';
import { BUILD, record } from './harness/recordings.js';
import { useConsole } from './harness/use-console.js';

const given = useConsole();

test('a hive without nodes shows the very commands that connect one, and goes on when they were typed', async () => {
  const page = await given.stage.visit('/attempts');
  const { url } = given.stage.hive;
  await page
    .getByText(/node-agent join/)
    .first()
    .waitFor();
  await page.getByRole('button', { name: 'Make an invitation' }).click();
  const join = page.getByText(/node-agent join .*--invite \S{20,}/).first();
  await join.waitFor();
  const command = await join.innerText();
  expect(command).toContain(url);
  const invite = /--invite (\S+)/.exec(command)?.[1] ?? '';
  const agent = given.stage.world.newAgent('the-first');
  await agent.record(['sh', '-c', 'echo hello'], ['--title', 'the first recording']);
  const answer = await fetch(`${url}/v1/nodes/enroll`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ token: invite, machine_id: crypto.randomUUID(), name: 'the-first' }),
  });
  expect(answer.status).toBe(201);
  // the key belongs to that machine: this node gets one of its own
  agent.connect(url, await given.stage.own.newKey());
  await page.getByRole('link', { name: 'the first recording' }).waitFor();
});

describe('with many attempts', () => {
  const MANY = 400;
  let nodeId: string;

  beforeAll(async () => {
    const { world, own } = given.stage;
    nodeId = await seedNode(world.database, own.id, { name: 'seeded', online: false });
    for (let count = 1; count <= MANY; count++) {
      const isPartial = count % 4 === 0;
      const attemptId = await seedAttempt(world.database, {
        organizationId: own.id,
        nodeId,
        state: isPartial ? 'partial' : 'complete',
        metadata: { title: `seeded ${count}`, branch: `vk/${count}`, executor: count % 2 === 0 ? 'CODEX' : 'SHELL' },
      });
      await seedExecution(world.database, {
        attemptId,
        nodeId,
        ordinal: 1,
        status: count % 5 === 0 ? 'failed' : 'completed',
        declaredLines: isPartial ? 100 : 0,
      });
    }
  });

  test('filters stand in the address, survive a reload, and go back', async () => {
    const page = await given.stage.visit('/attempts');
    await page
      .getByRole('link', { name: /^seeded/ })
      .first()
      .waitFor();
    await page.getByRole('link', { name: /^partial/ }).click();
    await until(() => page.url().includes('sync_state=partial'));
    await page.getByRole('searchbox').fill('seeded 40');
    await until(() => page.url().includes('q=seeded'));
    const rows = page.getByRole('link', { name: /^seeded/ });
    // 40 and 400
    await until(async () => (await rows.count()) === 2);
    await page.reload();
    await until(async () => (await rows.count()) === 2);
    expect(await page.getByRole('searchbox').inputValue()).toBe('seeded 40');
    await page.getByRole('button', { name: 'Clear filters' }).click();
    await until(async () => (await rows.count()) > 5);
    await page.goBack();
    await until(async () => (await rows.count()) === 2);
  });

  test('what is typed and what is clicked meanwhile are both done, and clearing takes both away', async () => {
    const page = await given.stage.visit('/attempts?branch=feat%2F1');
    /** Types, and clicks before what was typed is a word. @returns the address's query afterwards, as the page has it */
    const typeAndClick = (text: string, selector: string) =>
      page.evaluate<string>(`(async () => {
        const field = document.querySelector('input[type=search]');
        field.value = ${JSON.stringify(text)};
        field.dispatchEvent(new InputEvent('input', { bubbles: true }));
        await new Promise((resolve) => setTimeout(resolve, 100));
        ${selector}.click();
        await new Promise((resolve) => setTimeout(resolve, 500));
        return location.search;
      })()`);
    await page.getByRole('link', { name: /^failed/ }).waitFor();
    const failed = `document.querySelector('a.filter-tab[href*="status=failed"]')`;
    expect(await typeAndClick('seeded 5', failed)).toBe('?q=seeded+5&status=failed&branch=feat%2F1');
    const clear = `[...document.querySelectorAll('button')].find(({ innerText }) => innerText === 'Clear filters')`;
    expect(await typeAndClick('seeded 55', clear)).toBe('');
    expect(await page.getByRole('searchbox').inputValue()).toBe('');
  });

  test('states are told in the words of the API, and lines as figures', async () => {
    const page = await given.stage.visit('/attempts?q=seeded+40');
    const row = page.getByRole('row', { name: /seeded 400/ });
    await row.waitFor();
    const text = await row.innerText();
    expect(text).toContain('failed');
    expect(text).toContain('partial');
    expect(text).toMatch(/0 of 100/);
  });

  test('an attempt that is made, changed or deleted is seen without a reload', async () => {
    const page = await given.stage.visit('/attempts');
    await page
      .getByRole('link', { name: /^seeded/ })
      .first()
      .waitFor();
    const agent = given.stage.world.newAgent('live');
    agent.connect(given.stage.hive.url, await given.stage.own.newKey());
    const attemptId = await record(agent, BUILD);
    const row = page.getByRole('row', { name: new RegExp(BUILD.title) });
    await row.waitFor();
    await until(async () => /failed[\s\S]*complete/.test(await row.innerText()), 60_000, 'the row tells its end');
    const deleted = await fetch(`${given.stage.hive.url}/v1/swarm/attempts/${attemptId}`, {
      method: 'DELETE',
      headers: { authorization: `Bearer ${given.stage.own.admin}` },
    });
    expect(deleted.status).toBe(204);
    await until(async () => (await page.getByRole('link', { name: BUILD.title }).count()) === 0);
  });

  test('the list is walked by keys and opened by Enter, and back leads to the same place', async () => {
    const page = await given.stage.visit('/attempts?q=seeded');
    await page
      .getByRole('link', { name: /^seeded/ })
      .first()
      .waitFor();
    for (let press = 0; press < 30; press++) await page.keyboard.press('j');
    await page.keyboard.press('k');
    const current = page.locator('[role=row][aria-selected=true]');
    const name = await current.getByRole('link').innerText();
    await page.keyboard.press('Enter');
    await page.getByRole('heading', { name, level: 1 }).waitFor();
    await page.goBack();
    await until(async () => (await current.getByRole('link').innerText()) === name);
  });
});
