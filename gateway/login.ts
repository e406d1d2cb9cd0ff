/** How a node logs in: its `auth` frame, the protocol version that it speaks, and its API key. */
import type { IncomingMessage } from 'node:http';
import { LRUCache } from 'lru-cache';
import pLimit from 'p-limit';
import type { Logger } from 'pino';
import type { WebSocket } from 'ws';
import type { Database } from '../prisma/database.js';
import { authenticateNode, type AuthenticatedNode } from '../prisma/queries/authenticate-node-key.js';
import { hashSecret } from '../prisma/secrets.js';
import type { AuthData } from '../protocol/frames.js';
import { AUTH_TIMEOUT_MS, PROTOCOL_VERSION } from '../protocol/limits.js';
import type { AuthDataV1 } from '../protocol/v1/frames.js';
import { awaitAuth, postponeAuth, refuseAuth, type LoginSocket } from './auth-frame.js';
import { EarlyFrames } from './early-frames.js';
import { RepeatedErrors } from './repeated-errors.js';
import { isSpoken, type SpokenVersion } from './socket-factory.js';

/** Further logins wait: thousands of them half-way through would only take memory while the database serves a few. */
const LOGINS_AT_ONCE = 8;
/** A node with a wrong key keeps trying forever, so its refusal is logged only once in this interval. */
const REFUSAL_LOG_MS = 10 * 60_000;
const MAX_REMEMBERED_REFUSALS = 10_000;

/** A node whose key was accepted. */
export interface Accepted {
  node: AuthenticatedNode;
  version: SpokenVersion;
  /** Frames that not every node knows, and this one does. */
  knownFrames: string[];
  /** What the node has sent since. */
  early: EarlyFrames;
}

/** Gives a node that has logged in its lease and its socket. */
export type Admit = (accepted: Accepted) => Promise<void>;

function framesOf({ capabilities }: AuthData | AuthDataV1): string[] {
  return 'frames' in capabilities ? capabilities.frames : [];
}

/** What a node asks for, and when. */
interface Request {
  socket: LoginSocket;
  auth: AuthData | AuthDataV1;
  early: EarlyFrames;
  /** @format ms on the process's own clock */
  startedAt: number;
}

export class Login {
  readonly #database: Database;
  readonly #logger: Logger;
  readonly #repeated = new RepeatedErrors();
  readonly #limit = pLimit(LOGINS_AT_ONCE);
  readonly #loggedRefusals = new LRUCache<string, true>({ max: MAX_REMEMBERED_REFUSALS, ttl: REFUSAL_LOG_MS });

  readonly #authTimeoutMs: number;

  /** @param authTimeoutMs how long a node has to send its `auth` frame */
  constructor(database: Database, logger: Logger, authTimeoutMs = AUTH_TIMEOUT_MS) {
    this.#database = database;
    this.#logger = logger;
    this.#authTimeoutMs = authTimeoutMs;
  }

  /** Resolves when the node is admitted, or its socket is refused or has closed. Never throws. */
  async run(ws: WebSocket, request: IncomingMessage, admit: Admit): Promise<void> {
    const socket: LoginSocket = { ws, tcp: request.socket };
    try {
      const early = new EarlyFrames(ws, request.socket);
      const auth = await awaitAuth(ws, request, this.#authTimeoutMs);
      if (!auth) return;
      socket.version = auth.protocol_version;
      const login = { socket, auth, early, startedAt: performance.now() };
      await this.#limit(() => (ws.readyState === ws.OPEN ? this.#authenticate(login, admit) : undefined));
    } catch (error) {
      if (this.#repeated.isNew(error)) this.#logger.error({ err: error }, 'login failed; the node tries again');
      postponeAuth(socket);
    }
  }

  async #authenticate({ socket, auth, early, startedAt }: Request, admit: Admit): Promise<void> {
    const version = auth.protocol_version;
    if (!isSpoken(version)) {
      refuseAuth(socket, `protocol version mismatch: client=${version}, server=${PROTOCOL_VERSION}`);
      return;
    }
    const result = await authenticateNode(this.#database, {
      keyHash: hashSecret(auth.api_key),
      machineId: auth.machine_id,
      name: auth.name,
      capabilities: auth.capabilities,
      hosts: 'hosts' in auth.capabilities ? auth.capabilities.hosts : [],
      publicUrl: auth.public_url ?? null,
      protocolVersion: version,
      markers: 'markers' in auth ? (auth.markers ?? undefined) : undefined,
    });
    // by now the node has given up, perhaps without a word that reached this hive
    if (performance.now() - startedAt > AUTH_TIMEOUT_MS) postponeAuth(socket);
    else if (result.accepted) await admit({ node: result.node, version, knownFrames: framesOf(auth), early });
    else this.#refuse(socket, auth.name, result.error);
  }

  #refuse(socket: LoginSocket, name: string, error: string): void {
    const refusal = `${name} ${error}`;
    if (!this.#loggedRefusals.has(refusal)) {
      this.#loggedRefusals.set(refusal, true);
      this.#logger.warn({ reason: error, name }, 'node refused');
    }
    refuseAuth(socket, error);
  }
}
