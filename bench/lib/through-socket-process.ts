/** The sender of {@link throughSocket}. */
import { once } from 'node:events';
import { WebSocket } from 'ws';
import { PAGE_TARGET_LINES } from '../../protocol/limits.js';
import { serveOrders } from '../../tests/harness/helper-process.js';
import { sampleLine } from '../../tests/harness/sample-lines.js';

const MAX_BUFFERED_BYTES = 1024 * 1024;

const frames: Buffer[] = [];
let socket: WebSocket | undefined;

serveOrders(
  {
    async connect({ url, lines }: { url: string; lines: number }): Promise<number> {
      for (let first = 1; first <= lines; first += PAGE_TARGET_LINES) {
        const count = Math.min(PAGE_TARGET_LINES, lines - first + 1);
        frames.push(Buffer.from(Array.from({ length: count }, (_, index) => sampleLine(first + index)).join('\n')));
      }
      socket = new WebSocket(url, { perMessageDeflate: false });
      await once(socket, 'open');
      return frames.length;
    },

    async send(): Promise<void> {
      for (const frame of frames) {
        socket?.send(frame);
        while (socket && socket.bufferedAmount > MAX_BUFFERED_BYTES)
          await new Promise((resolve) => setImmediate(resolve));
      }
    },
  },
  () => {
    socket?.close();
    return Promise.resolve();
  },
);
