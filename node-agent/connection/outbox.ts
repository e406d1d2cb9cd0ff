/** Sends the node's frames, and bounds how much of them waits in the socket. */
import type { WebSocket } from 'ws';
import { encodeLogPageFrame } from '../../protocol/binary-frame.js';
import type { LogPageHeader, NodeFrame } from '../../protocol/frames.js';
import { encodeTextFrame } from '../../protocol/text-frame.js';

/** Above this, frames wait. The last frame sent may exceed it. */
const MAX_BUFFERED_BYTES = 1024 * 1024;

/** The socket closed while a frame waited. This is expected, and ends whatever was sending. */
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

  /** Whether the hive has not read what was sent, so that no answer can be expected yet. */
  get blocked(): boolean {
    return this.#socket.bufferedAmount > MAX_BUFFERED_BYTES;
  }

  /** Whether the connection is over, so that failures of what still runs for it do not matter. */
  get closed(): boolean {
    return this.#socket.readyState === this.#socket.CLOSED;
  }

  /** Sends a small frame at once, ahead of those that wait. */
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
   * Sends a log page, unless it is no longer wanted when there is room.
   * @returns whether it was sent
   * @throws SocketClosedError
   */
  sendPage(header: LogPageHeader, gzip: Buffer, wanted: () => boolean): Promise<boolean> {
    return this.#sendWithRoom(() => (wanted() ? encodeLogPageFrame({ header, gzip }) : undefined));
  }

  // Checking and sending happen in the same turn, so that of many waiting frames only as many as fit are sent.
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
