/**
 * People at the console: each visit is a browser of its own, with its own cookies. What no page may ever do is written
 * down while it is open, and fails whoever ends the visits.
 */
import { join } from 'node:path';
import type { Browser, BrowserContext, BrowserContextOptions, Page } from 'playwright-core';
import { until } from '../../harness/until.js';
import { projectRoot } from '../../../workers/project-root.js';

export type Theme = 'dark' | 'light';
export type Device = 'desktop' | 'phone';

export interface VisitOptions {
  /** Of whom: an API token. Nobody is signed in without one. */
  token?: string;
  theme?: Theme;
  device?: Device;
  /** A hive is killed or a request is refused, so that the browser complains about what it could not load. */
  mayFailToLoad?: boolean;
  /** Runs in every document before its own scripts. The content security policy does not see it. */
  initScript?: string;
  /** More of Playwright's options. */
  context?: BrowserContextOptions;
}

const DEVICES: Record<Device, BrowserContextOptions> = {
  desktop: { viewport: { width: 1280, height: 800 } },
  phone: { viewport: { width: 390, height: 844 }, deviceScaleFactor: 2, isMobile: true, hasTouch: true },
};

/** @returns the path of a script that runs in pages */
export function inPage(name: string): string {
  return join(projectRoot(), 'tests', 'console', 'in-page', name);
}

/** Resolves when no part of the page says any more that it is being read. */
export async function untilLoaded(page: Page): Promise<void> {
  await until(async () => (await page.locator('.page-loading').count()) === 0, 60_000, 'everything is read');
}

/** What the console's own client sends: nothing that changes something is accepted by cookie without it. */
export const FROM_THE_CONSOLE = { 'x-hivesync': '1' };

export class Visits {
  readonly #browser: Browser;
  readonly #contexts: BrowserContext[] = [];
  #faults: string[] = [];

  constructor(browser: Browser) {
    this.#browser = browser;
  }

  /** Opens a page of the hive, or an empty one, in a browser of its own. */
  async open(hiveUrl: string, path: string | undefined, options: VisitOptions = {}): Promise<Page> {
    const { theme = 'light', device = 'desktop' } = options;
    const context = await this.#browser.newContext({
      ...DEVICES[device],
      colorScheme: theme,
      locale: 'en-GB',
      timezoneId: 'Europe/Zurich',
      ...options.context,
    });
    this.#contexts.push(context);
    context.setDefaultTimeout(45_000);
    for (const script of ['policy-violations.js', 'log-view.js']) await context.addInitScript({ path: inPage(script) });
    if (options.initScript !== undefined) await context.addInitScript({ content: options.initScript });
    if (options.token !== undefined) await signIn(context, hiveUrl, options.token);
    const page = await context.newPage();
    this.#watch(page, new URL(hiveUrl).origin, options.mayFailToLoad ?? false);
    if (path !== undefined) await page.goto(hiveUrl + path);
    return page;
  }

  /**
   * Closes all pages.
   * @throws Error if one of them did what no page may do
   */
  async end(): Promise<void> {
    const faults = this.#faults;
    this.#faults = [];
    await Promise.all(this.#contexts.splice(0).map((context) => context.close()));
    if (faults.length > 0) throw new Error(`faults of pages:\n${faults.join('\n')}`);
  }

  #watch(page: Page, origin: string, mayFailToLoad: boolean): void {
    const faults = this.#faults; // what is said while the page is closed is none of the next test's
    const fault = (text: string) => void faults.push(`${page.url()}: ${text}`);
    page.on('pageerror', (error) => fault(`an error that nothing caught: ${error.stack ?? error.message}`));
    page.on('console', (message) => {
      if (message.type() !== 'error') return;
      if (mayFailToLoad && message.text().startsWith('Failed to load resource')) return;
      fault(`an error in the browser's console: ${message.text()} (${message.location().url})`);
    });
    page.on('request', (request) => {
      const url = new URL(request.url());
      const isLocal = url.protocol === 'data:' || url.protocol === 'blob:';
      if (!isLocal && url.origin !== origin) fault(`a request to another host: ${request.url()}`);
    });
    page.on('dialog', (dialog) => {
      fault(`a dialog of the browser: ${dialog.message()}`);
      void dialog.dismiss();
    });
    page.on('popup', (popup) => fault(`a new window: ${popup.url()}`));
  }
}

/** Signs in as the console's page does, without showing the page. */
async function signIn(context: BrowserContext, hiveUrl: string, token: string): Promise<void> {
  const response = await context.request.post(`${hiveUrl}/v1/session`, {
    data: { token },
    headers: FROM_THE_CONSOLE,
  });
  if (response.status() !== 204) throw new Error(`signing in: ${response.status()} ${await response.text()}`);
}
