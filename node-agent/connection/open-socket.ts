/** One socket to the hive from its opening to its end, whichever version of the protocol it speaks. */
import { WebSocket } from 'ws';
import type { AuthData } from '../../protocol/frames.js';
import { AUTH_TIMEOUT_MS } from '../../protocol/limits.js';
import { encodeTextFrame } from '../../protocol/text-frame.js';
import type { AuthDataV1 } from '../../protocol/v1/frames.js';
import { messageOf } from '../errors.js';
import type { Logger } from '../log.js';
import type { Store } from '../store/open.js';
import { VERSION } from '../version.js';
import { Route } from './route.js';

const HANDSHAKE_TIMEOUT_MS = 15_000;
const CLOSE_TIMEOUT_MS = 2000;

export interface ConnectionOptions {
  url: string;
  apiKey: string;
  name: string;
  store: Store;
  logger: Logger;
  /** Its abort closes the socket with 1000. */
  signal: AbortSignal;
  /** Told when the hive has accepted the node, and how the connection ended unless `signal` was aborted. */
  watch?: { accepted(): void; ended(end: ConnectionEnd): void };
  /** Shorter waits for tests. */
  timing?: { resendMs?: number; silenceMs?: number; handshakeMs?: number };
}

/** How a connection ended. `refused`: the hive did not accept the node; `ended`: it had accepted it. */
export type ConnectionEnd =
  | { kind: 'unreachable'; reason: string }
  | { kind: 'refused'; reason: string }
  | { kind: 'ended'; reason: string; livedMs: number; superseded: boolean };

/** Opens one socket, stays until it closes, and resolves with how it ended. */
export type OpenConnection = (options: ConnectionOptions) => Promise<ConnectionEnd>;

/** What follows once the hive has accepted the node. */
export interface RunningSession {
  /** What the hive said when it closed the connection. */
  readonly closeReason: string | undefined;
  receive(data: Buffer, isBinary: boolean): void;
}

/** What the versions of the protocol do differently. */
export interface ProtocolVersion<Accepted> {
  maxMessageBytes: number;
  auth: AuthData | AuthDataV1;
  /** @throws Error if the hive does not accept the node; its message is the reason */
  readAuthResult: (data: Buffer) => Accepted;
  startSession: (socket: WebSocket, accepted: Accepted) => RunningSession;
}

/**
 * Opens a socket, authenticates and stays until it closes.
 * @throws NodeAgentError `config` if the environment names no usable proxy
 */
export function openSocket<Accepted>(
  { url, signal, timing, watch }: Pick<ConnectionOptions, 'url' | 'signal' | 'timing' | 'watch'>,
  { maxMessageBytes, auth, readAuthResult, startSession }: ProtocolVersion<Accepted>,
): Promise<ConnectionEnd> {
  return new Promise((resolve) => {
    const handshake = new AbortController();
    const route = new Route(new URL(url), handshake.signal);
    const handshakeMs = timing?.handshakeMs ?? HANDSHAKE_TIMEOUT_MS;
    const handshakeTimer = setTimeout(() => handshake.abort(), handshakeMs);
    const socket = new WebSocket(url, {
      maxPayload: maxMessageBytes,
      perMessageDeflate: false,
      ...(route.agent && { agent: route.agent }),
    });
    let session: RunningSession | undefined;
    let refusal: string | undefined;
    let failure: string | undefined;
    let acceptedAt = 0;
    const authTimer = setTimeout(() => {
      failure = 'no auth_result in time';
      socket.terminate();
    }, AUTH_TIMEOUT_MS + HANDSHAKE_TIMEOUT_MS);
    const close = () => closeSocket(socket);
    signal.addEventListener('abort', close);

    socket.on('open', () => {
      clearTimeout(handshakeTimer);
      socket.send(encodeTextFrame({ type: 'auth', data: auth }));
    });
    socket.on('message', (data, isBinary) => {
      const buffer = data as Buffer; // ws gives one Buffer while binaryType is 'nodebuffer'
      if (session) {
        session.receive(buffer, isBinary);
        return;
      }
      if (refusal !== undefined) return;
      clearTimeout(authTimer);
      let accepted: Accepted;
      try {
        accepted = readAuthResult(buffer);
      } catch (error) {
        refusal = messageOf(error);
        close();
        return;
      }
      acceptedAt = performance.now();
      watch?.accepted();
      session = startSession(socket, accepted);
    });
    socket.on('error', (error) => (failure = route.failure(error)));
    socket.on('close', (code, reasonBytes) => {
      clearTimeout(authTimer);
      clearTimeout(handshakeTimer);
      handshake.abort(); // a proxy that has not answered yet keeps its connection open otherwise
      signal.removeEventListener('abort', close);
      const reason = session?.closeReason ?? failure ?? (reasonBytes.toString() || `closed with ${code}`);
      let end: ConnectionEnd = { kind: 'unreachable', reason };
      if (refusal !== undefined) end = { kind: 'refused', reason: refusal };
      else if (session) {
        const livedMs = performance.now() - acceptedAt;
        end = { kind: 'ended', reason, livedMs, superseded: /superseded/i.test(reason) };
      }
      if (!signal.aborted) watch?.ended(end);
      resolve(end);
    });
  });
}

/** What a node says about itself in either version. */
export function introduction({ apiKey, name, store }: Pick<ConnectionOptions, 'apiKey' | 'name' | 'store'>) {
  return {
    api_key: apiKey,
    machine_id: store.machineId(),
    name,
    capabilities: { executors: ['SHELL'], os: process.platform, arch: process.arch, version: VERSION },
  };
}

function closeSocket(socket: WebSocket): void {
  if (socket.readyState === socket.CONNECTING) {
    socket.terminate();
    return;
  }
  socket.close(1000);
  const timer = setTimeout(() => socket.terminate(), CLOSE_TIMEOUT_MS);
  socket.once('close', () => clearTimeout(timer));
}
