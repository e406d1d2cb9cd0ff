import type { Socket } from 'node:net';
import type { RawData, WebSocket } from 'ws';
import { MAX_BYTES_BEFORE_AUTH } from '../protocol/limits.js';

/**
 * What a node sends after its `auth` frame and before it is admitted. The socket is read meanwhile, because one that is
 * not read would not show that the node has given up.
 */
export class EarlyFrames {
  readonly #ws: WebSocket;
  readonly #tcp: Socket;
  #frames: [RawData, boolean][] = [];
  #bytes = 0;
  #hasAuth = false;

  /** @param ws a socket on which nothing has arrived yet */
  constructor(ws: WebSocket, tcp: Socket) {
    this.#ws = ws;
    this.#tcp = tcp;
    ws.on('message', this.#keep);
    tcp.on('data', this.#count);
  }

  /** Keeps nothing more, and reads nothing more until {@link replay}. */
  stop(): void {
    this.#ws.pause();
    this.#ws.off('message', this.#keep);
    this.#tcp.off('data', this.#count);
  }

  /** Passes on what was kept, as if it arrived now, and reads the socket again. */
  replay(): void {
    for (const [data, isBinary] of this.#frames.splice(0)) this.#ws.emit('message', data, isBinary);
    this.#ws.resume();
  }

  readonly #keep = (data: RawData, isBinary: boolean): void => {
    if (!this.#hasAuth) {
      this.#hasAuth = true;
      return;
    }
    this.#frames.push([data, isBinary]);
  };

  /** Counts what has arrived, because a frame stays in memory until it is complete. The rest is not read yet. */
  readonly #count = (chunk: Buffer): void => {
    this.#bytes += chunk.length;
    if (this.#bytes > MAX_BYTES_BEFORE_AUTH) this.#ws.pause();
  };
}
