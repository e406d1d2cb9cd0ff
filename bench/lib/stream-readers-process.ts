/** Many readers of one log's stream, in one process. Each checks that it gets every line once and in order. */
import { get, type IncomingMessage } from 'node:http';
import { connect, type Socket } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { serveOrders } from '../../tests/harness/helper-process.js';

export interface StreamReaders {
  /** Address of the stream. */
  url: string;
  authorization: string;
  readers: number;
}

export interface StreamsSeen {
  /** Lines seen by the reader that has seen the fewest. */
  fewest: number;
  most: number;
  /** The number of lines that came twice, too early or too late. */
  outOfOrder: number;
}

const seen: { lines: number; outOfOrder: number }[] = [];
const open: IncomingMessage[] = [];
let idle: Socket | undefined;

serveOrders(
  {
    async read({ url, authorization, readers }: StreamReaders): Promise<void> {
      for (let reader = 0; reader < readers; reader++) open.push(await follow(url, authorization));
    },

    /** Asks for the stream but reads nothing of it. */
    async readNothing({ url, authorization }: StreamReaders): Promise<void> {
      const { hostname, port, pathname } = new URL(url);
      idle = connect(Number(port), hostname);
      idle.on('error', () => undefined);
      idle.write(`GET ${pathname} HTTP/1.1\r\nHost: ${hostname}\r\nAuthorization: ${authorization}\r\n\r\n`);
      await sleep(100);
      idle.pause();
    },

    /** @returns the end of what the idle reader gets when it finally reads */
    async readIdle(): Promise<string> {
      let tail = '';
      idle?.on('data', (chunk: Buffer) => (tail = (tail + chunk.toString('latin1')).slice(-1000)));
      idle?.resume();
      await sleep(2000);
      return tail;
    },

    look: (): Promise<StreamsSeen> =>
      Promise.resolve({
        fewest: Math.min(...seen.map(({ lines }) => lines)),
        most: Math.max(...seen.map(({ lines }) => lines)),
        outOfOrder: seen.reduce((sum, { outOfOrder }) => sum + outOfOrder, 0),
      }),
  },
  () => {
    for (const response of open) response.destroy();
    idle?.destroy();
    return Promise.resolve();
  },
);

function follow(url: string, authorization: string): Promise<IncomingMessage> {
  const reader = { lines: 0, outOfOrder: 0 };
  seen.push(reader);
  return new Promise((resolve, reject) => {
    get(url, { headers: { authorization } }, (response) => {
      let rest = '';
      response.setEncoding('latin1');
      response.on('error', () => undefined);
      response.on('data', (chunk: string) => {
        const events = (rest + chunk).split('\n\n');
        rest = events.pop() ?? '';
        for (const event of events) {
          const seq = /"seq":(\d+)/.exec(event)?.[1];
          if (seq !== undefined && Number(seq) !== ++reader.lines) reader.outOfOrder++;
        }
      });
      if (response.statusCode === 200) resolve(response);
      else reject(new Error(`the stream was answered with ${response.statusCode ?? 0}`));
    }).on('error', reject);
  });
}
