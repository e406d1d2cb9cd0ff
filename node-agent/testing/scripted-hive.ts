/** For tests: a real socket server that answers as the test says. */
import { randomUUID } from 'node:crypto';
import { once } from 'node:events';
import type { AddressInfo } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import pTimeout from 'p-timeout';
import { WebSocketServer, type WebSocket } from 'ws';
import { decodeLogPageFrame, type LogPageFrame } from '../../protocol/binary-frame.js';
import {
  authFrame,
  nodeFrame,
  type AuthData,
  type FrameData,
  type HiveFrame,
  type NodeFrame,
} from '../../protocol/frames.js';
import { decodeTextFrame, encodeTextFrame } from '../../protocol/text-frame.js';

/** The same on every connection: to a node, another id means another hive. */
const NODE_ID = randomUUID();

export type Received = NodeFrame | { type: 'log_page'; data: LogPageFrame };
type DataOf<T extends Received['type']> = Extract<Received, { type: T }>['data'];
export type Handler = (frame: Received, peer: Peer) => void;

/** One connection of a node. */
export class Peer {
  /** When the node had logged in, by performance.now. */
  readonly since = performance.now();
  readonly #handler: Handler;
  readonly received: Received[] = [];
  readonly closed: Promise<unknown[]>;
  #wake: (() => void)[] = [];

  constructor(
    readonly socket: WebSocket,
    handler: Handler,
  ) {
    this.#handler = handler;
    this.closed = once(socket, 'close');
  }

  take(frame: Received): void {
    this.received.push(frame);
    this.#handler(frame, this);
    for (const wake of this.#wake.splice(0)) wake();
  }

  send<T extends HiveFrame['type']>(type: T, data: FrameData<HiveFrame, T>): void {
    this.socket.send(encodeTextFrame({ type, data }));
  }

  of<T extends Received['type']>(type: T): DataOf<T>[] {
    return this.received.filter((frame) => frame.type === type).map(({ data }) => data as DataOf<T>);
  }

  /** Waits until `condition` is true; checks it when a frame arrives. */
  async until(condition: (peer: this) => boolean, what: string, ms = 60_000): Promise<void> {
    const deadline = performance.now() + ms;
    while (!condition(this)) {
      const left = deadline - performance.now();
      if (left <= 0)
        throw new Error(`not within ${ms} ms: ${what}; got ${this.received.map(({ type }) => type).join(' ')}`);
      const nextFrame = new Promise<void>((resolve) => this.#wake.push(resolve));
      await pTimeout(nextFrame, { milliseconds: Math.min(left, 50), fallback: () => undefined });
    }
  }

  async count<T extends Received['type']>(type: T, count = 1): Promise<DataOf<T>[]> {
    await this.until(() => this.of(type).length >= count, `${count} of ${type}`);
    return this.of(type);
  }

  /** Waits until the node has handled all that was sent to it, and all that it sent before has come. */
  async handled(): Promise<void> {
    const request_id = randomUUID();
    this.send('describe_attempt', { request_id, attempt_id: randomUUID() });
    await this.until(() => this.of('request_failed').some((failed) => failed.request_id === request_id), 'its answer');
  }
}

export interface ScriptedHiveOptions {
  /** Called for each frame after auth. @default acknowledges everything and counts the lines of pages */
  handler?: Handler;
  auth?: Partial<FrameData<HiveFrame, 'auth_result'>>;
}

export class ScriptedHive {
  readonly #server: WebSocketServer;
  readonly peers: Peer[] = [];
  readonly auths: AuthData[] = [];
  readonly url: string;
  handler: Handler;
  auth: Partial<FrameData<HiveFrame, 'auth_result'>>;

  private constructor(server: WebSocketServer, options: ScriptedHiveOptions) {
    this.#server = server;
    this.url = `ws://127.0.0.1:${(server.address() as AddressInfo).port}/v1/nodes/ws`;
    this.handler = options.handler ?? obliging();
    this.auth = options.auth ?? {};
    server.on('connection', (socket) => this.#accept(socket));
  }

  static async start(options: ScriptedHiveOptions = {}): Promise<ScriptedHive> {
    const server = new WebSocketServer({ port: 0, host: '127.0.0.1' });
    await once(server, 'listening');
    return new ScriptedHive(server, options);
  }

  /** @returns the node's connection with this number, counted from 0 */
  async peer(index = 0, ms = 60_000): Promise<Peer> {
    for (const deadline = performance.now() + ms; performance.now() < deadline;) {
      const peer = this.peers[index];
      if (peer) return peer;
      await sleep(10);
    }
    throw new Error(`no connection ${index}`);
  }

  async stop(): Promise<void> {
    for (const client of this.#server.clients) client.terminate();
    await new Promise((resolve) => this.#server.close(resolve));
  }

  #accept(socket: WebSocket): void {
    const peer = new Peer(socket, (frame, from) => this.handler(frame, from));
    let authenticated = false;
    socket.on('message', (data, isBinary) => {
      if (authenticated) {
        peer.take(
          isBinary
            ? { type: 'log_page', data: decodeLogPageFrame(data as Buffer) }
            : decodeTextFrame(nodeFrame, data as Buffer),
        );
        return;
      }
      this.auths.push(decodeTextFrame(authFrame, data as Buffer).data);
      authenticated = true;
      peer.send('auth_result', {
        success: true,
        node_id: NODE_ID,
        organization_id: randomUUID(),
        session_id: randomUUID(),
        protocol_version: 2,
        heartbeat_interval_seconds: 1,
        max_page_bytes: 4 * 1024 * 1024,
        ...this.auth,
      });
      this.peers.push(peer);
    });
  }
}

/** A well-behaved hive: acknowledges everything, and remembers how far each execution is stored. */
export function obliging(stored = new Map<string, number>()): Handler {
  return (frame, peer) => {
    if (frame.type === 'heartbeat') peer.send('heartbeat_ack', { server_time: new Date().toISOString() });
    if (frame.type === 'attempt_sync') {
      const { attempt_id, revision } = frame.data;
      peer.send('sync_ack', { attempt_id, revision, sync_state: 'partial' });
    }
    if (frame.type === 'execution_sync') {
      const { execution_id, log_epoch } = frame.data;
      peer.send('log_ack', { execution_id, log_epoch, stored_through: stored.get(execution_id) ?? 0 });
    }
    if (frame.type === 'log_page' && frame.data.header.request_id == null) storePushed(frame.data, peer, stored);
  };
}

function storePushed({ header }: LogPageFrame, peer: Peer, stored: Map<string, number>): void {
  const { execution_id, log_epoch, first_seq, last_seq } = header;
  const stored_through = stored.get(execution_id) ?? 0;
  if (first_seq !== stored_through + 1) {
    peer.send('log_refused', { execution_id, first_seq, stored_through, code: 'gap' });
    return;
  }
  stored.set(execution_id, last_seq);
  peer.send('log_ack', { execution_id, log_epoch, stored_through: last_seq });
}
