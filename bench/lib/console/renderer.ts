/** The processes of the browser that run pages, as the system and the browser itself see them. */
import type { Browser, CDPSession, Page } from 'playwright-core';
import { cpuSeconds, residentKib } from '../process-usage.js';

export interface Usage {
  /** Of the processes that run pages, in s. */
  renderers: number;
  /** Of all processes of the browser, in s. */
  browser: number;
  /** Of the largest process that runs pages, in MiB. */
  residentMib: number;
}

export class BrowserProcesses {
  readonly #session: CDPSession;

  private constructor(session: CDPSession) {
    this.#session = session;
  }

  static async of(browser: Browser): Promise<BrowserProcesses> {
    return new BrowserProcesses(await browser.newBrowserCDPSession());
  }

  async usage(): Promise<Usage> {
    const { processInfo } = await this.#session.send('SystemInfo.getProcessInfo');
    const renderers = processInfo.filter(({ type }) => type === 'renderer');
    const seconds = (of: typeof processInfo) => of.reduce((sum, { id }) => sum + cpuSeconds(id), 0);
    return {
      renderers: seconds(renderers),
      browser: seconds(processInfo),
      residentMib: Math.max(...renderers.map(({ id }) => residentKib(id))) / 1024,
    };
  }
}

/** @returns what the page's scripts hold after everything that they let go was collected, in MiB */
export async function heapMib(page: Page): Promise<number> {
  const session = await page.context().newCDPSession(page);
  try {
    await session.send('HeapProfiler.collectGarbage');
    const { usedSize } = await session.send('Runtime.getHeapUsage');
    return usedSize / 2 ** 20;
  } finally {
    await session.detach();
  }
}
