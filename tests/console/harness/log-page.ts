/** The log on an attempt's page, as its reader sees it. */
import type { Locator, Page } from 'playwright-core';

export class LogPage {
  /** What scrolls, and takes the keys. */
  readonly region: Locator;

  constructor(readonly page: Page) {
    this.region = page.getByRole('region', { name: 'Log', exact: true });
  }

  line(number: number): Locator {
    return this.region.locator(`[data-line="${number}"]`);
  }

  /** @returns the text of the line, without its number and time */
  async text(number: number): Promise<string> {
    return (await this.line(number).locator('.log-text').textContent()) ?? '';
  }

  /** Resolves when the line is drawn; without a number, when any is. */
  async untilDrawn(number?: number): Promise<void> {
    await (number === undefined ? this.region.locator('[data-line]').first() : this.line(number)).waitFor();
  }

  /** Presses keys in the log, one after another. */
  async press(...keys: string[]): Promise<void> {
    for (const key of keys) await this.page.keyboard.press(key);
  }

  async isFollowing(): Promise<boolean> {
    const follow = this.page.getByRole('button', { name: /^follow/i });
    return (await follow.getAttribute('aria-pressed')) === 'true';
  }

  /** @returns the number of the first line whose beginning is seen */
  firstSeen(): Promise<number> {
    return this.page.evaluate<number>('logView.firstSeen()');
  }

  lastSeen(): Promise<number> {
    return this.page.evaluate<number>('logView.lastSeen()');
  }

  lastDrawn(): Promise<number> {
    return this.page.evaluate<number>('logView.lastDrawn()');
  }

  marked(): Promise<number[]> {
    return this.page.evaluate<number[]>('logView.marked()');
  }

  /** @returns the numbers of the drawn lines in which a search has found something */
  found(): Promise<number[]> {
    return this.page.evaluate<number[]>('logView.found()');
  }

  /** Tears at the scroll bar. @param part of the whole log, 0 to 1 */
  async tear(part: number): Promise<void> {
    await this.page.evaluate(`logView.tear(${part})`);
  }

  /** Selects the text of the lines. @returns what would be copied */
  select(from: number, to: number): Promise<string> {
    return this.page.evaluate<string>(`logView.select(${from}, ${to})`);
  }
}
