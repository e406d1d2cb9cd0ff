/** One socket from its opening to its end. */
import { availableParallelism } from 'node:os';
import { WebSocket } from 'ws';
import { hiveFrame } from '../../../protocol/frames.js';
import { AUTH_TIMEOUT_MS, MAX_TEXT_FRAME_BYTES, PROTOCOL_VERSION } from '../../../protocol/limits.js';
import { decodeTextFrame, encodeTextFrame } from '../../../protocol/text-frame.js';
import { messageOf } from '../../errors.js';
import type { Logger } from '../../log.js';
import type { Store } from '../../store/open.js';
import { VERSION } from '../../version.js';
import { Session, type SessionOptions } from './session.js';

const HANDSHAKE_TIMEOUT_MS = 15_000;
const CLOSE_TIMEOUT_MS = 2000;

export interface ConnectionOptions {
  url: string;
  apiKey: string;
  name: string;
  store: Store;
  logger: Logger;
  signal: AbortSignal;
  timing?: SessionOptions['timing'];
}

/** How a connection ended. `refused`: the hive did not accept the node; `ended`: it had been accepted. */
export type ConnectionEnd =
  | { kind: 'unreachable'; reason: string }
  | { kind: 'refused'; reason: string }
  | { kind: 'ended'; reason: string; livedMs: number; superseded: boolean };

/** Opens a socket, authenticates and stays until it closes; an abort of `signal` closes it with 1000. */
export function openConnection(options: ConnectionOptions): Promise<ConnectionEnd> {
  const { url, store, logger, signal } = options;
  return new Promise((resolve) => {
    const socket = new WebSocket(url, {
      maxPayload: MAX_TEXT_FRAME_BYTES,
      perMessageDeflate: false,
      handshakeTimeout: HANDSHAKE_TIMEOUT_MS,
    });
    let session: Session | undefined;
    let refusal: string | undefined;
    let failure: string | undefined;
    let acceptedAt = 0;
    const authTimer = setTimeout(() => {
      failure = 'no auth_result in time';
      socket.terminate();
    }, AUTH_TIMEOUT_MS + HANDSHAKE_TIMEOUT_MS);
    const close = () => closeSocket(socket);
    signal.addEventListener('abort', close);

    socket.on('open', () => socket.send(authFrame(options)));
    socket.on('message', (data, isBinary) => {
      const buffer = data as Buffer; // ws gives one Buffer while binaryType is 'nodebuffer'
      if (session) {
        session.receive(buffer, isBinary);
        return;
      }
      if (refusal !== undefined) return;
      const result = readAuthResult(buffer);
      clearTimeout(authTimer);
      if (typeof result === 'string') {
        refusal = result;
        close();
        return;
      }
      acceptedAt = Date.now();
      logger.info({ node_id: result.node_id, session_id: result.session_id }, 'connected to the hive');
      session = new Session({ socket, store, logger, auth: result, ...(options.timing && { timing: options.timing }) });
      session.start();
    });
    socket.on('error', (error) => (failure = messageOf(error)));
    socket.on('close', (code, reasonBytes) => {
      clearTimeout(authTimer);
      signal.removeEventListener('abort', close);
      const reason = session?.closeReason ?? failure ?? (reasonBytes.toString() || `closed with ${code}`);
      if (refusal !== undefined) resolve({ kind: 'refused', reason: refusal });
      else if (!session) resolve({ kind: 'unreachable', reason });
      else {
        resolve({ kind: 'ended', reason, livedMs: Date.now() - acceptedAt, superseded: /superseded/i.test(reason) });
      }
    });
  });
}

function authFrame({ apiKey, name, store }: ConnectionOptions): string {
  return encodeTextFrame({
    type: 'auth',
    data: {
      api_key: apiKey,
      machine_id: store.machineId(),
      name,
      capabilities: {
        executors: ['SHELL'],
        max_concurrent_tasks: availableParallelism(),
        os: process.platform,
        arch: process.arch,
        version: VERSION,
      },
      protocol_version: PROTOCOL_VERSION,
    },
  });
}

/** The accepted auth_result, or why the node is not accepted. */
function readAuthResult(data: Buffer) {
  try {
    const frame = decodeTextFrame(hiveFrame, data);
    if (frame.type === 'close') return frame.data.reason;
    if (frame.type === 'error') return frame.data.error;
    if (frame.type !== 'auth_result') return `answered auth with ${frame.type}`;
    if (!frame.data.success) return frame.data.error ?? 'no reason given';
    if (frame.data.protocol_version !== PROTOCOL_VERSION) {
      return `speaks protocol version ${frame.data.protocol_version}, this node ${PROTOCOL_VERSION}`;
    }
    return frame.data;
  } catch (error) {
    return messageOf(error);
  }
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
