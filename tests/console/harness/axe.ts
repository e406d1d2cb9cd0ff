/** What axe finds on a page. */
import axe, { type AxeResults } from 'axe-core';
import type { Page } from 'playwright-core';

/**
 * To be given to a visit as its init script: the content security policy of the console forbids scripts that are added
 * to a page, and is not to be switched off, because axe looks at the page as people get it.
 */
export const AXE = axe.source;

/** @returns the serious and critical faults, each in a line or more that say what and where */
export async function faultsByAxe(page: Page): Promise<string[]> {
  const { violations } = await page.evaluate<Pick<AxeResults, 'violations'>>(
    "axe.run(document, { resultTypes: ['violations'] })",
  );
  return violations
    .filter(({ impact }) => impact === 'serious' || impact === 'critical')
    .map(({ id, help, nodes }) => {
      const places = nodes.map(({ target, failureSummary }) => `${target.join(' ')}: ${failureSummary ?? ''}`);
      return `${id} (${help})\n  ${places.join('\n  ').replaceAll('\n', '\n  ')}`;
    });
}
