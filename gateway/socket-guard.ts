/**
 * The limits of a node's socket in any protocol version: how long it may be silent, and how much may wait to be sent. It
 * also keeps the node's lease while the node can't: when its heartbeats wait behind what the hive does not read yet, or
 * behind a long message.
 */
import type { Logger } from 'pino';
import type { WebSocket } from 'ws';
import { SILENCE_TIMEOUT_MS } from '../protocol/limits.js';
import { encodeTextFrame } from '../protocol/text-frame.js';

/** A node that does not read what it is sent is disconnected when more than this many bytes wait. */
const MAX_UNSENT_BYTES = 16 * 1024 * 1024;
/** How long a node has to answer a close. */
const CLOSE_MS = 2000;

/** A socket is closed at the third look in a row that finds it silent. The lease lasts as long. */
const SILENT_LOOKS = 3;
/** How often a silent socket is looked at. */
const LOOK_MS = SILENCE_TIMEOUT_MS / SILENT_LOOKS;
/** A message counts as arriving if this many bytes of it have come since the last look. */
const MIN_ARRIVED_BYTES = 16 * 1024;
/** The hive keeps the lease of a socket that it does not read for so long; then the node counts as offline. */
const MAX_KEPT_MS = 15 * 60_000;

/** Why the socket is temporarily not read. */
export type PauseReason = 'pressure' | 'large_message' | 'streamed_batch';

export interface SocketGuardDeps {
  nodeId: string;
  logger: Logger;
  /** Ends the connection; the node has been told why. */
  end(reason: string): void;
  /** @returns how many bytes have arrived in all; only those of large messages, if other messages are no sign of life */
  arrived(): number;
  /** Renews the node's lease. */
  renew(): void;
  /** For tests. @format ms @default a third of SILENCE_TIMEOUT_MS */
  lookMs?: number;
}

export class SocketGuard {
  readonly #ws: WebSocket;
  readonly #deps: SocketGuardDeps;
  readonly #look: NodeJS.Timeout;
  readonly #pauses = new Set<PauseReason>();
  /** Looks in a row since the last sign of life. */
  #silentLooks = 0;
  #arrived = 0;
  #pausedAt = 0;
  #isClosing = false;

  constructor(ws: WebSocket, deps: SocketGuardDeps) {
    this.#ws = ws;
    this.#deps = deps;
    this.#look = setTimeout(() => this.#lookAtSilence(), deps.lookMs ?? LOOK_MS);
    ws.once('close', () => {
      this.#isClosing = true;
      clearTimeout(this.#look);
    });
  }

  get isClosing(): boolean {
    return this.#isClosing;
  }

  /** Whether the hive itself keeps the node from being heard. */
  get isPaused(): boolean {
    return this.#pauses.size > 0;
  }

  /** Notes a sign of life, which restarts the time for which the node may be silent. */
  heard(): void {
    this.#silentLooks = 0;
    this.#look.refresh(); // has no effect once the timer is cleared
  }

  /** @returns whether the frame was sent; false if the socket is closing, or the node does not read what it is sent */
  send(frame: { type: string; data: unknown }): boolean {
    if (this.#ws.readyState !== this.#ws.OPEN || this.#isClosing) return false;
    if (this.#ws.bufferedAmount > MAX_UNSENT_BYTES) {
      this.#deps.logger.warn({ nodeId: this.#deps.nodeId }, 'node does not read what it is sent; closing its socket');
      this.#ws.terminate();
      return false;
    }
    this.#ws.send(encodeTextFrame(frame));
    return true;
  }

  /** Stops reading until {@link resume} has been called for every reason. */
  pause(reason: PauseReason): void {
    if (this.#pauses.size === 0) this.#pausedAt = performance.now();
    this.#pauses.add(reason);
    this.#ws.pause();
  }

  resume(reason: PauseReason): void {
    if (!this.#pauses.delete(reason) || this.#pauses.size > 0) return;
    this.#ws.resume();
    this.#silentLooks = 0;
  }

  /** Tells the node why, and ends the connection. */
  close(reason: string): void {
    if (this.#ws.readyState !== this.#ws.OPEN || this.#isClosing) return;
    this.#deps.logger.info({ nodeId: this.#deps.nodeId, reason }, 'closing node socket');
    this.send({ type: 'close', data: { reason } });
    this.#isClosing = true;
    this.#deps.end(reason);
    setTimeout(() => this.#ws.terminate(), CLOSE_MS).unref();
  }

  /** A node does not count as silent while its frames are not read, or while a long one is arriving. */
  #lookAtSilence(): void {
    const arrived = this.#deps.arrived();
    const isArriving = this.#silentLooks > 0 && arrived - this.#arrived >= MIN_ARRIVED_BYTES;
    this.#arrived = arrived;
    if (this.isPaused || isArriving) {
      this.#silentLooks = 1;
      if (isArriving || performance.now() - this.#pausedAt < MAX_KEPT_MS) this.#deps.renew();
    } else if (++this.#silentLooks >= SILENT_LOOKS) {
      this.close('heartbeat timeout');
      return;
    }
    this.#look.refresh();
  }
}
