/** The hive of a recording: it answers an original node only when it is told to, so that every recording is the same. */
import { once } from 'node:events';
import type { AddressInfo } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { WebSocket, WebSocketServer, type RawData } from 'ws';
import type { Frame } from './scripted-v1-node.js';

/**
 * So many round trips in a row without a frame: the node has sent what it had. Time would not tell, because after a
 * pause of this process, which is the node's too, a timer runs before what has arrived is read.
 */
const QUIET_TRIPS = 20;
const LOGGED_IN = {
  success: true,
  node_id: '0a000000-0000-4000-8000-00000000000a',
  organization_id: '0b000000-0000-4000-8000-00000000000b',
  error: null,
  protocol_version: 1,
  linked_projects: [],
  swarm_labels: [],
};

export class V1RecordingHive {
  readonly #server: WebSocketServer;
  readonly #waiting: Frame[] = [];
  #socket: WebSocket | undefined;
  #requests = 0;
  #frames = 0;

  private constructor(server: WebSocketServer) {
    this.#server = server;
    server.on('connection', (socket) => {
      this.#socket = socket;
      socket.on('message', (data) => this.#receive(data));
    });
  }

  static async start(): Promise<V1RecordingHive> {
    const server = new WebSocketServer({ port: 0, host: '127.0.0.1' });
    await once(server, 'listening');
    return new V1RecordingHive(server);
  }

  get url(): string {
    return `http://127.0.0.1:${(this.#server.address() as AddressInfo).port}`;
  }

  /** Answers everything that has come and that a hive answers. */
  async answer(): Promise<void> {
    await this.#quiet();
    for (const { type, data } of this.#waiting.splice(0)) {
      if (type === 'heartbeat') this.#send('heartbeat_ack', { server_time: data['timestamp'] });
      if (type === 'task_sync') this.#send('task_sync_response', taskAnswer(data));
      if (type === 'op_batch')
        this.#send('op_ack', { applied_through_seq: (data['ops'] as { seq: number }[]).at(-1)?.seq });
      if (type === 'digest') this.#send('digest_result', { resend_from_seq: null, pull_entities: [] });
    }
    await this.#quiet();
  }

  /** Sends a backfill request, and waits until the node has said everything about it. */
  async ask(type: string, ids: string[], logsAfter: string | null = null): Promise<void> {
    const id = `31000000-0000-4000-8000-${String(++this.#requests).padStart(12, '0')}`;
    this.#send('backfill_request', { message_id: id, backfill_type: type, entity_ids: ids, logs_after: logsAfter });
    await this.#quiet();
  }

  /** Waits until the node has sent what it had, and answers nothing of it. */
  async ignore(): Promise<void> {
    await this.#quiet();
    this.#waiting.length = 0;
  }

  async stop(): Promise<void> {
    for (const client of this.#server.clients) client.terminate();
    await new Promise((resolve) => this.#server.close(resolve));
  }

  #receive(raw: RawData): void {
    this.#frames++;
    const frame = JSON.parse((raw as Buffer).toString()) as Frame;
    if (frame.type === 'auth') this.#send('auth_result', LOGGED_IN);
    else this.#waiting.push(frame);
  }

  #send(type: string, data: Record<string, unknown>): void {
    this.#socket?.send(JSON.stringify({ type, data }));
  }

  async #quiet(): Promise<void> {
    const socket = this.#socket;
    for (let trips = 0; trips < QUIET_TRIPS && socket?.readyState === WebSocket.OPEN; trips++) {
      const frames = this.#frames;
      const over = new AbortController();
      const { signal } = over;
      const answered = Promise.race([once(socket, 'pong', { signal }), once(socket, 'close', { signal })]);
      socket.ping();
      await answered.finally(() => over.abort());
      await sleep(1); // what the node does between two frames takes it a turn or two
      if (this.#frames !== frames) trips = -1;
    }
  }
}

/** A task without a shared id gets one that is made from its own. */
function taskAnswer({ local_task_id: local, shared_task_id: shared }: Frame['data']) {
  const id = typeof shared === 'string' ? shared : String(local).replace(/^0/, '3');
  return { local_task_id: local, shared_task_id: id, success: true, error: null };
}
