/**
 * One connection of an original node: its login, its heartbeats, and one frame at a time from the queue. Frames that
 * were written to a socket that dies are gone; the others stay in the queue.
 */
import { once } from 'node:events';
import { WebSocket, type RawData } from 'ws';
import type { Frame } from './scripted-v1-frames.js';
import { nodeTime } from './scripted-v1-store.js';

/** How long a node waits for the answer to `auth`. */
const LOGIN_MS = 60_000;

export interface ConnectionHooks {
  /** @returns the next frame of the queue; undefined if there is none, or the node may not write now */
  next(): Frame | undefined;
  /** A frame goes out. @returns whether the connection is cut instead, and the frame lost */
  writes(frame: Frame): boolean;
  /** A frame came in. */
  receives(frame: Frame): void;
  /** @returns the node's time, for heartbeats */
  now(): Date;
}

export class V1Connection {
  readonly #ws: WebSocket;
  readonly #hooks: ConnectionHooks;
  readonly #login: Promise<Frame['data']>;
  #answerLogin!: (data: Frame['data']) => void;
  #failLogin!: (error: Error) => void;
  /** Resolves with whether the hive ended it by a WebSocket close. */
  readonly ended: Promise<boolean>;
  #heartbeats: NodeJS.Timeout | undefined;
  #heartbeatsDue = 0;
  #isWriting = false;
  #isLoggedIn = false;
  #isEnded = false;

  private constructor(ws: WebSocket, hooks: ConnectionHooks) {
    this.#ws = ws;
    this.#hooks = hooks;
    this.#login = new Promise((resolve, reject) => {
      this.#answerLogin = resolve;
      this.#failLogin = reject;
    });
    this.#login.catch(() => undefined); // if nobody waits for it any more
    ws.on('message', (data) => this.#receive(data));
    // not by once(), which an error before it would reject, with nobody there to see it
    this.ended = new Promise((resolve) => {
      ws.once('close', (code) => {
        this.#isEnded = true;
        clearInterval(this.#heartbeats);
        this.#failLogin(new Error('the connection was closed before auth_result'));
        resolve(code !== 1006);
      });
    });
  }

  /** @throws Error if the hive can't be reached */
  static async open(hiveUrl: string, hooks: ConnectionHooks): Promise<V1Connection> {
    const ws = new WebSocket(`${hiveUrl.replace(/^http/, 'ws')}/v1/nodes/ws`, { perMessageDeflate: false });
    ws.on('error', () => undefined);
    const connection = new V1Connection(ws, hooks);
    await once(ws, 'open');
    return connection;
  }

  get isEnded(): boolean {
    return this.#isEnded;
  }

  /** @returns the data of auth_result, also if the login was refused */
  async logIn(auth: Record<string, unknown>, heartbeatMs: number): Promise<Frame['data']> {
    this.#send({ type: 'auth', data: auth });
    const timer = setTimeout(() => this.#failLogin(new Error('no auth_result arrived')), LOGIN_MS);
    const result = await this.#login.finally(() => clearTimeout(timer));
    if (result['success'] !== true) return result;
    this.#isLoggedIn = true;
    this.heartbeat();
    this.#heartbeats = setInterval(() => this.heartbeat(), heartbeatMs).unref();
    return result;
  }

  heartbeat(): void {
    this.#heartbeatsDue++;
    this.write();
  }

  /** Writes what there is to write, one frame after another. */
  write(): void {
    if (this.#isWriting || !this.#isLoggedIn || this.#isEnded || this.#ws.readyState !== WebSocket.OPEN) return;
    const frame = this.#heartbeatsDue > 0 ? this.#heartbeatFrame() : this.#hooks.next();
    if (!frame) return;
    if (this.#hooks.writes(frame)) {
      this.cut();
      return;
    }
    this.#isWriting = true;
    this.#send(frame, () => {
      this.#isWriting = false;
      this.write();
    });
  }

  /** Sends text or bytes unchanged, at once. */
  sendRaw(data: string | Buffer): void {
    this.#ws.send(data);
  }

  setReading(isReading: boolean): void {
    if (isReading) this.#ws.resume();
    else this.#ws.pause();
  }

  /** Ends the TCP connection without a word. */
  cut(): void {
    clearInterval(this.#heartbeats);
    this.#ws.terminate();
  }

  #send(frame: Frame, written?: () => void): void {
    this.#ws.send(JSON.stringify(frame), () => written?.());
  }

  #receive(raw: RawData): void {
    const frame = JSON.parse((raw as Buffer).toString()) as Frame;
    this.#hooks.receives(frame);
    if (frame.type === 'auth_result') this.#answerLogin(frame.data);
  }

  #heartbeatFrame(): Frame {
    this.#heartbeatsDue--;
    const timestamp = nodeTime(this.#hooks.now());
    return {
      type: 'heartbeat',
      data: {
        status: 'online',
        active_tasks: 0,
        available_capacity: 1,
        memory_usage: null,
        cpu_usage: null,
        timestamp,
      },
    };
  }
}
