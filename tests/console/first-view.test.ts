/** What a browser gets when somebody opens the console: how much, from where, and under which policy. */
import { expect, test } from '@jest/globals';
import { Transfers } from './harness/transfers.js';
import { useConsole } from './harness/use-console.js';

const PAGES = ['/', '/attempts', '/nodes', '/backfills', '/search'];
const FIRST_VIEW_BYTES = 100 * 1024;

const given = useConsole();

test('the first view is less than 100 KiB, and no other host is asked', async () => {
  const page = await given.stage.visit(undefined);
  const transfers = await Transfers.of(page);
  await page.goto(`${given.stage.hive.url}/attempts`);
  await page.getByRole('heading', { level: 1 }).waitFor();
  await page.waitForTimeout(2000); // what follows idly counts too
  expect(transfers.finished.length).toBeGreaterThan(2);
  expect(transfers.programBytes()).toBeLessThan(FIRST_VIEW_BYTES);
  // the visit fails if another host was asked
});

test.each(PAGES)('%s opens after a reload, under a policy that lets no inline script or style run', async (path) => {
  const page = await given.stage.visit(path);
  await page.getByRole('heading', { level: 1 }).first().waitFor({ state: 'attached' });
  const heading = await page.getByRole('heading', { level: 1 }).first().innerText();
  const answer = await page.reload();
  await page.getByRole('heading', { level: 1, name: heading }).first().waitFor({ state: 'attached' });
  const policy = answer?.headers()['content-security-policy'] ?? '';
  for (const directive of ["default-src 'none'", "script-src 'self'", "base-uri 'none'", "frame-ancestors 'none'"]) {
    expect(policy).toContain(directive);
  }
  expect(policy).not.toMatch(/unsafe-|\*|https?:/);
  const html = (await answer?.text()) ?? '';
  expect(html).toContain('<script');
  expect(html).not.toMatch(/<script(?![^>]*\ssrc=)[^>]*>|\son[a-z]+=|<style|\sstyle=/);
});
