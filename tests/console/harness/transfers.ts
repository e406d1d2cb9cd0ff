/** What a page costs on the network: bytes as they travel, headers and compression included. */
import type { CDPSession, Page } from 'playwright-core';

export interface Transfer {
  url: string;
  /** Of the answer, as it travelled. */
  bytes: number;
}

/** Slower than most offices, quicker than most phones on the way: what figures of a "throttled profile" are about. */
export const THROTTLED = { mbitPerSecond: 10, roundTripMs: 40, cpuSlowdown: 4 };

export class Transfers {
  readonly finished: Transfer[] = [];
  readonly #urls = new Map<string, string>();

  private constructor(readonly session: CDPSession) {
    session.on('Network.requestWillBeSent', ({ requestId, request }) => void this.#urls.set(requestId, request.url));
    session.on('Network.loadingFinished', ({ requestId, encodedDataLength }) => {
      this.finished.push({ url: this.#urls.get(requestId) ?? '', bytes: encodedDataLength });
    });
  }

  /** Counts from now on, as if the browser had never been here. */
  static async of(page: Page): Promise<Transfers> {
    const session = await page.context().newCDPSession(page);
    const transfers = new Transfers(session);
    await session.send('Network.enable');
    await session.send('Network.setCacheDisabled', { cacheDisabled: true });
    return transfers;
  }

  /** Slows the network and the processor down to {@link THROTTLED}. */
  async throttle(): Promise<void> {
    const bytesPerSecond = (THROTTLED.mbitPerSecond * 1_000_000) / 8;
    await this.session.send('Network.emulateNetworkConditions', {
      offline: false,
      latency: THROTTLED.roundTripMs,
      downloadThroughput: bytesPerSecond,
      uploadThroughput: bytesPerSecond,
    });
    await this.session.send('Emulation.setCPUThrottlingRate', { rate: THROTTLED.cpuSlowdown });
  }

  /** @returns the bytes of the program itself: everything but the answers of the API */
  programBytes(): number {
    return this.#sum((path) => !path.startsWith('/v1/'));
  }

  /** @returns the bytes of the API's answers that have ended */
  dataBytes(): number {
    return this.#sum((path) => path.startsWith('/v1/'));
  }

  #sum(isCounted: (path: string) => boolean): number {
    return this.finished
      .filter(({ url }) => URL.canParse(url) && isCounted(new URL(url).pathname))
      .reduce((sum, { bytes }) => sum + bytes, 0);
  }
}
