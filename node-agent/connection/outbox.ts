/** Everything the node sends, bounded by what the socket has not taken yet. */
import type { WebSocket } from 'ws';
import { encodeLogPageFrame } from '../../protocol/binary-frame.js';
import type { LogPageHeader, NodeFrame } from '../../protocol/frames.js';
import { encodeTextFrame } from '../../protocol/text-frame.js';

/** Frames wait above this; one frame more may be on top of it. */
const MAX_BUFFERED_BYTES = 1024 * 1024;

/** The socket closed while a frame waited: expected, and the end of whatever sent it. */
export class SocketClosedError extends Error {
  override readonly name = 'SocketClosedError';
}

export class Outbox {
  readonly #socket: WebSocket;
  #waiting: (() => void)[] = [];

  constructor(socket: WebSocket) {
    this.#socket = socket;
    socket.once('close', () => this.#wake());
  }

  /** The peer does not take what was sent: an answer can't be expected yet. */
  get blocked(): boolean {
    return this.#socket.bufferedAmount > MAX_BUFFERED_BYTES;
  }

  /** The connection is over; nothing that still runs for it matters. */
  get closed(): boolean {
    return this.#socket.readyState === this.#socket.CLOSED;
  }

  /** Sends a small frame at once, past those that wait. */
  sendNow(frame: NodeFrame): void {
    if (this.#socket.readyState === this.#socket.OPEN) this.#send(encodeTextFrame(frame));
  }

  /** @throws SocketClosedError */
  async send(frame: NodeFrame): Promise<void> {
    await this.#sendWithRoom(() => encodeTextFrame(frame));
  }

  /**
   * Sends a frame that is encoded already (protocol version 1).
   * @throws SocketClosedError
   */
  async sendText(text: string): Promise<void> {
    await this.#sendWithRoom(() => text);
  }

  /**
   * Sends a log page, unless it is no longer wanted by the time there is room.
   * @returns whether it was sent
   * @throws SocketClosedError
   */
  sendPage(header: LogPageHeader, gzip: Buffer, wanted: () => boolean): Promise<boolean> {
    return this.#sendWithRoom(() => (wanted() ? encodeLogPageFrame({ header, gzip }) : undefined));
  }

  // The check and the sending happen in one turn: of many that wait, only as many as fit go on.
  async #sendWithRoom(frame: () => string | Buffer | undefined): Promise<boolean> {
    while (this.blocked && this.#socket.readyState === this.#socket.OPEN) {
      await new Promise<void>((resolve) => this.#waiting.push(resolve));
    }
    if (this.#socket.readyState !== this.#socket.OPEN) throw new SocketClosedError('the socket is closed');
    const data = frame();
    if (data !== undefined) this.#send(data);
    else this.#wake();
    return data !== undefined;
  }

  #send(data: string | Buffer): void {
    // ws reports a failed send by closing the socket as well; 'drain' is not emitted on a WebSocket
    this.#socket.send(data, () => {
      if (!this.blocked) this.#wake();
    });
  }

  #wake(): void {
    for (const resolve of this.#waiting.splice(0)) resolve();
  }
}
