/** The node sockets of one hive process: their upgrades, their leases, and which nodes are connected. */
import { randomUUID } from 'node:crypto';
import type { IncomingMessage, Server } from 'node:http';
import type { Duplex } from 'node:stream';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Logger } from 'pino';
import { WebSocketServer, type WebSocket } from 'ws';
import { MAX_V1_MESSAGE_BYTES } from '../protocol/v1/frames.js';
import type { Database } from '../prisma/database.js';
import { acquireLease, expireLeases, releaseLease } from '../prisma/queries/lease.js';
import { DrainQueue } from '../backfills/drain-queue.js';
import type { NodeBackfills } from '../backfills/for-nodes.js';
import type { NodeSocket, SocketEvents } from './node-socket.js';
import { DeletionTeller } from './deletion-teller.js';
import type { NodeGateway } from './interface.js';
import { HistoryKeeper } from './history-keeper.js';
import { LeaseKeeper, LEASE_SECONDS } from './lease-keeper.js';
import { supersedeAuth } from './auth-frame.js';
import { Login, type Accepted, type Admit } from './login.js';
import { nodesConnected } from './metrics.js';
import { MessageTap } from './message-tap.js';
import { createSocketFactory, type CreateSocket, type SocketFactoryDeps } from './socket-factory.js';

const SOCKET_PATH = '/v1/nodes/ws';
const MAX_UNAUTHENTICATED_SOCKETS = 1000;

export interface GatewayDeps extends Pick<SocketFactoryDeps, 'watchBounds' | 'messageLimits' | 'largeMessages'> {
  database: Database;
  logger: Logger;
  /** The task queue of this process; every start of the process has a new one. */
  queue: string;
  instanceId: string;
  backfills: NodeBackfills;
  /** How often a marker is written after acknowledgements, in ms. @default 10000 */
  markerMs?: number;
  /** How long a node has to send its `auth` frame, in ms. @default 30000 */
  authTimeoutMs?: number;
}

export class Gateway implements NodeGateway {
  readonly queue: string;
  readonly #deps: GatewayDeps;
  readonly #sockets = new Map<string, NodeSocket>();
  readonly #open = new Set<NodeSocket>();
  readonly #server = new WebSocketServer({
    noServer: true,
    maxPayload: MAX_V1_MESSAGE_BYTES, // version 2 has a lower limit of its own, and MessageTap takes larger batches
    perMessageDeflate: false,
    clientTracking: false,
  });
  readonly #leases: LeaseKeeper;
  readonly #history: HistoryKeeper;
  readonly #login: Login;
  readonly #drains: DrainQueue;
  readonly #deletions: DeletionTeller;
  readonly #createSocket: CreateSocket;
  #unauthenticated = 0;
  #isStopping = false;

  constructor(deps: GatewayDeps) {
    this.#deps = deps;
    this.queue = deps.queue;
    this.#leases = new LeaseKeeper(deps.database, deps.logger, () => [...this.#open]);
    this.#history = new HistoryKeeper({
      ...deps,
      sockets: () => [...this.#open],
      ...(deps.markerMs !== undefined && { intervalMs: deps.markerMs }),
    });
    this.#createSocket = createSocketFactory({ ...deps, events: this.#events });
    this.#login = new Login(deps.database, deps.logger, deps.authTimeoutMs);
    this.#drains = new DrainQueue(deps.database, deps.logger, deps.backfills);
    this.#deletions = new DeletionTeller({ ...deps, connectionTo: (nodeId) => this.connectionTo(nodeId) });
  }

  /** Accepts node sockets from the HTTP server, and begins to renew leases. */
  attach(server: Server): void {
    server.on('upgrade', (request, socket, head) => this.#upgrade(request, socket, head));
    this.#leases.start();
    this.#history.start();
    this.#deletions.start();
  }

  connectionTo(nodeId: string): NodeSocket | undefined {
    return this.#sockets.get(nodeId);
  }

  /** Gives up the leases, then closes the sockets. Resolves when what they had sent is stored, or after 5 s. */
  async stop(): Promise<void> {
    this.#isStopping = true;
    this.#drains.stop();
    this.#history.stop();
    await this.#deletions.stop();
    await this.#leases.stop(); // a renewal under way would undo what follows
    const closing = [...this.#open];
    const fences = closing.map(({ session }) => session.fence);
    await expireLeases(this.#deps.database, fences).catch((error: unknown) => {
      this.#deps.logger.warn({ err: error }, 'leases could not be given up; they end with their sockets');
    });
    for (const socket of closing) socket.close('hive is shutting down');
    const deadline = performance.now() + 5000;
    while (this.#open.size > 0 && performance.now() < deadline) await sleep(20);
    this.#server.close();
  }

  #upgrade(request: IncomingMessage, socket: Duplex, head: Buffer): void {
    const path = request.url?.split('?', 1)[0];
    const refusal =
      path !== SOCKET_PATH
        ? '404 Not Found'
        : this.#isStopping || this.#unauthenticated >= MAX_UNAUTHENTICATED_SOCKETS
          ? '503 Service Unavailable'
          : undefined;
    if (refusal !== undefined) {
      // The HTTP server no longer listens for errors of this socket: an unhandled one would end the process.
      socket.on('error', (error) => this.#deps.logger.debug({ err: error }, 'socket error'));
      socket.once('finish', () => socket.destroy());
      socket.end(`HTTP/1.1 ${refusal}\r\nConnection: close\r\nContent-Length: 0\r\n\r\n`);
      return;
    }
    this.#unauthenticated++;
    const done = () => {
      this.#unauthenticated--;
    };
    socket.once('close', done);
    this.#server.handleUpgrade(request, socket, head, (ws) => {
      ws.on('error', (error) => this.#deps.logger.debug({ err: error }, 'socket error')); // 'close' follows
      const tap = new MessageTap(ws, request.socket);
      const admit: Admit = (accepted) => this.#admit(ws, tap, accepted);
      void this.#login.run(ws, request, admit).finally(() => {
        socket.off('close', done);
        if (!socket.closed) done();
      });
    });
  }

  async #admit(ws: WebSocket, tap: MessageTap, { node, version, knownFrames, early }: Accepted): Promise<void> {
    if (!this.#isWanted(ws)) {
      ws.terminate();
      return;
    }
    const { logger } = this.#deps;
    const { fence } = node;
    const sessionId = randomUUID();
    const hasLease = await this.#acquireLease({ nodeId: node.nodeId, sessionId, fence });
    const former = this.#sockets.get(node.nodeId);
    if (!hasLease || (former && former.session.fence > fence)) {
      logger.info({ nodeId: node.nodeId, fence: Number(fence) }, 'login was overtaken by a later one of the node');
      supersedeAuth({ ws, tcp: tap.tcp, version });
      if (hasLease) this.#releaseLease(node.nodeId, fence); // after a restored database, fences begin again lower
      return;
    }
    if (!this.#isWanted(ws)) {
      ws.terminate();
      this.#releaseLease(node.nodeId, fence);
      return;
    }
    early.stop();
    const socket = this.#createSocket(version, ws, tap, { ...node, sessionId, knownFrames });
    this.#open.add(socket);
    this.#sockets.set(node.nodeId, socket);
    former?.close('superseded by a newer connection of this node');
    nodesConnected.set(this.#sockets.size);
    logger.info({ nodeId: node.nodeId, version, sessionId, fence: Number(fence) }, 'node connected');
    await socket.welcome();
    early.replay();
  }

  /** @returns false if a later login of the node has the lease */
  async #acquireLease(session: { nodeId: string; sessionId: string; fence: bigint }): Promise<boolean> {
    const { database, queue, instanceId } = this.#deps;
    try {
      return await acquireLease(database, { ...session, queue, instanceId, ttlSeconds: LEASE_SECONDS });
    } catch (error) {
      this.#releaseLease(session.nodeId, session.fence); // it may have been written all the same
      throw error;
    }
  }

  /** Either may change while the database is asked. */
  #isWanted(ws: WebSocket): boolean {
    return ws.readyState === ws.OPEN && !this.#isStopping;
  }

  readonly #events: SocketEvents = {
    heartbeat: (socket, status) => this.#leases.heartbeat(socket, status),
    backfillNeeded: (socket, reason) => this.#drains.request(socket.session, reason),
    loggedIn: (socket) => this.#history.loggedIn(socket),
    acknowledged: (socket, attemptId, revision) => this.#history.acknowledged(socket, attemptId, revision),
    sessionLost: (socket) => void this.#leases.close(socket),
    closed: (socket) => {
      this.#history.closed(socket);
      if (!this.#open.delete(socket)) return;
      const { nodeId, fence } = socket.session;
      if (this.#sockets.get(nodeId) === socket) this.#sockets.delete(nodeId);
      nodesConnected.set(this.#sockets.size);
      this.#deps.logger.info({ nodeId, sessionId: socket.session.sessionId }, 'node disconnected');
      this.#releaseLease(nodeId, fence);
    },
  };

  #releaseLease(nodeId: string, fence: bigint): void {
    releaseLease(this.#deps.database, nodeId, fence).catch((error: unknown) => {
      this.#deps.logger.warn({ err: error, nodeId }, 'lease could not be released; it will expire');
    });
  }
}
