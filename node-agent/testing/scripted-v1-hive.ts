/**
 * For tests: an original vk-swarm hive as its nodes see it, with what it does to log lines: a batch is dropped if the node
 * is not linked to the task's project or the execution is unknown; each line is inserted as often as it comes; a line with
 * U+0000 can't be inserted, and ends its batch.
 */
import { randomUUID } from 'node:crypto';
import { once } from 'node:events';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { WebSocketServer, type WebSocket } from 'ws';

const MAX_FRAME_BYTES = 16 * 1024 * 1024;

interface Frame {
  type: string;
  data: Record<string, unknown>;
}

export interface Link {
  project_id: string;
  local_project_id: string;
}

interface Batch {
  assignment_id: string;
  shared_task_id: string | null;
  execution_process_id: string;
  entries: { content: string }[];
}

export class ScriptedV1Hive {
  readonly #server: Server;
  readonly #sockets = new WebSocketServer({ noServer: true, maxPayload: MAX_FRAME_BYTES });
  /** The project of each task that the hive knows; null if it belongs to none. */
  readonly tasks = new Map<string, string | null>();
  /** The node's links. */
  readonly links: Link[] = [];
  readonly attempts = new Set<string>();
  readonly executions = new Set<string>();
  /** The stored lines of each execution, in the order of their rows. */
  readonly rows = new Map<string, string[]>();
  readonly complete = new Set<string>();
  readonly received: Frame[] = [];
  /** How often a task's project was asked for. */
  asked = 0;
  /** Whether it answers HTTP as this project's hive does, which has no such route. */
  isHivesync = false;
  readonly #requests = new Map<string, string[]>();
  #socket: WebSocket | undefined;
  logins = 0;

  private constructor(server: Server) {
    this.#server = server;
    server.on('request', (request, response) => this.#answer(request, response));
    server.on('upgrade', (request, socket, head) =>
      this.#sockets.handleUpgrade(request, socket, head, (ws) => this.#accept(ws)),
    );
  }

  static async start(): Promise<ScriptedV1Hive> {
    const server = createServer();
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    return new ScriptedV1Hive(server);
  }

  get url(): string {
    return `ws://127.0.0.1:${(this.#server.address() as AddressInfo).port}/v1/nodes/ws`;
  }

  /** Adds a task. @returns its id and its project's */
  addTask(projectId: string = randomUUID()): { taskId: string; projectId: string } {
    const taskId = randomUUID();
    this.tasks.set(taskId, projectId);
    return { taskId, projectId };
  }

  requestBackfill(...attemptIds: string[]): void {
    const message_id = randomUUID();
    this.#requests.set(message_id, attemptIds);
    const request = { message_id, backfill_type: 'full_attempt', entity_ids: attemptIds, logs_after: null };
    this.#send('backfill_request', request);
  }

  dropConnection(): void {
    this.#socket?.terminate();
  }

  async stop(): Promise<void> {
    for (const client of this.#sockets.clients) client.terminate();
    this.#server.closeAllConnections();
    await new Promise((resolve) => this.#server.close(resolve));
  }

  #answer({ url, headers }: IncomingMessage, response: ServerResponse): void {
    const send = (status: number, type: string, body: object) =>
      response.writeHead(status, { 'content-type': type }).end(JSON.stringify(body));
    this.asked++;
    if (this.isHivesync) {
      send(404, 'application/problem+json; charset=utf-8', { code: 'not_found' });
      return;
    }
    const taskId = /^\/v1\/sync\/swarm\/tasks\/([0-9a-f-]{36})$/.exec(url ?? '')?.[1] ?? '';
    const project = this.tasks.get(taskId);
    if (headers.authorization !== 'Bearer key') response.writeHead(401).end();
    else if (project === undefined) send(404, 'application/json', { error: 'task not found' });
    else
      send(200, 'application/json', {
        task: { id: taskId, project_id: project, swarm_project_id: project },
        user: null,
      });
  }

  #accept(socket: WebSocket): void {
    this.#socket = socket;
    socket.on('error', () => undefined);
    socket.once('message', () => {
      this.logins++;
      const linked_projects = this.links.map((link) => ({ ...link, link_id: randomUUID(), is_owned: true }));
      const identity = { node_id: randomUUID(), organization_id: randomUUID() };
      this.#send('auth_result', {
        ...{ success: true, ...identity, error: null, protocol_version: 1, linked_projects, swarm_labels: [] },
      });
      socket.on('message', (data: Buffer) => {
        const frame = JSON.parse(data.toString()) as Frame;
        this.received.push(frame);
        this.#take(frame);
      });
    });
  }

  #take({ type, data }: Frame): void {
    switch (type) {
      case 'link_project':
        this.#link({ project_id: String(data['project_id']), local_project_id: String(data['local_project_id']) });
        break;
      case 'attempt_sync':
        if (this.tasks.has(String(data['shared_task_id']))) this.attempts.add(String(data['attempt_id']));
        break;
      case 'execution_sync':
        if (this.attempts.has(String(data['attempt_id']))) this.executions.add(String(data['execution_id']));
        break;
      case 'logs_batch':
        this.#store(data as unknown as Batch);
        break;
      case 'backfill_response':
        for (const id of this.#requests.get(String(data['request_id'])) ?? []) this.complete.add(id);
    }
  }

  /** A node has one link to each project, and one for each of its own projects: the last one. */
  #link(link: Link): void {
    if (![...this.tasks.values()].includes(link.project_id)) return;
    const same = this.links.find((one) => one.local_project_id === link.local_project_id);
    if (this.links.some((one) => one !== same && one.project_id === link.project_id)) return;
    if (same) same.project_id = link.project_id;
    else this.links.push(link);
  }

  #store({ shared_task_id: taskId, execution_process_id: executionId, entries }: Batch): void {
    const project = taskId === null ? undefined : this.tasks.get(taskId);
    if (!this.links.some((link) => link.project_id === project) || !this.executions.has(executionId)) return;
    const rows = this.rows.get(executionId) ?? [];
    this.rows.set(executionId, rows);
    for (const { content } of entries) {
      if (content.includes('\0')) return;
      rows.push(content);
    }
  }

  #send(type: string, data: object): void {
    this.#socket?.send(JSON.stringify({ type, data }));
  }
}
