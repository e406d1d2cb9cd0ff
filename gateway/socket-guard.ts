/**
 * The limits of a node's socket in any protocol version: how long it may be silent, and how much may wait to be sent.
 */
import type { Logger } from 'pino';
import type { WebSocket } from 'ws';
import { SILENCE_TIMEOUT_MS } from '../protocol/limits.js';
import { encodeTextFrame } from '../protocol/text-frame.js';

/** A node that does not read what it is sent is disconnected when more than this many bytes wait. */
const MAX_UNSENT_BYTES = 16 * 1024 * 1024;
/** How long a node has to answer a close. */
const CLOSE_MS = 2000;

/** Why the socket is temporarily not read. */
export type PauseReason = 'pressure' | 'large_message';

export class SocketGuard {
  readonly #ws: WebSocket;
  readonly #nodeId: string;
  readonly #logger: Logger;
  readonly #end: (reason: string) => void;
  readonly #silence: NodeJS.Timeout;
  readonly #pauses = new Set<PauseReason>();
  #isClosing = false;

  /** @param end ends the connection; the node has been told why */
  constructor(ws: WebSocket, nodeId: string, logger: Logger, end: (reason: string) => void) {
    this.#ws = ws;
    this.#nodeId = nodeId;
    this.#logger = logger;
    this.#end = end;
    this.#silence = setTimeout(() => this.#endSilence(), SILENCE_TIMEOUT_MS);
    ws.once('close', () => {
      this.#isClosing = true;
      clearTimeout(this.#silence);
    });
  }

  get isClosing(): boolean {
    return this.#isClosing;
  }

  /** Notes a sign of life, which restarts the time for which the node may be silent. */
  heard(): void {
    this.#silence.refresh(); // has no effect once the timer is cleared
  }

  /** @returns whether the frame was sent; false if the socket is closing, or the node does not read what it is sent */
  send(frame: { type: string; data: unknown }): boolean {
    if (this.#ws.readyState !== this.#ws.OPEN || this.#isClosing) return false;
    if (this.#ws.bufferedAmount > MAX_UNSENT_BYTES) {
      this.#logger.warn({ nodeId: this.#nodeId }, 'node does not read what it is sent; closing its socket');
      this.#ws.terminate();
      return false;
    }
    this.#ws.send(encodeTextFrame(frame));
    return true;
  }

  /** Stops reading until {@link resume} has been called for every reason. */
  pause(reason: PauseReason): void {
    this.#pauses.add(reason);
    this.#ws.pause();
  }

  resume(reason: PauseReason): void {
    if (!this.#pauses.delete(reason) || this.#pauses.size > 0) return;
    this.#ws.resume();
    this.heard();
  }

  /** Tells the node why, and ends the connection. */
  close(reason: string): void {
    if (this.#ws.readyState !== this.#ws.OPEN || this.#isClosing) return;
    this.#logger.info({ nodeId: this.#nodeId, reason }, 'closing node socket');
    this.send({ type: 'close', data: { reason } });
    this.#isClosing = true;
    this.#end(reason);
    setTimeout(() => this.#ws.terminate(), CLOSE_MS).unref();
  }

  /** A node whose frames are not being read does not count as silent. */
  #endSilence(): void {
    if (this.#pauses.size > 0) this.#silence.refresh();
    else this.close('heartbeat timeout');
  }
}
