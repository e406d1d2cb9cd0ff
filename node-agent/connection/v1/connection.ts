/** One socket to a version 1 hive, from its opening to its end. */
import { WebSocket } from 'ws';
import { AUTH_TIMEOUT_MS } from '../../../protocol/limits.js';
import { encodeTextFrame, parseJson, validate } from '../../../protocol/text-frame.js';
import { authResultFrameV1, MAX_V1_MESSAGE_BYTES, PROTOCOL_V1 } from '../../../protocol/v1/frames.js';
import type { ConnectionEnd, ConnectionOptions } from '../v2/connection.js';
import { messageOf } from '../../errors.js';
import { VERSION } from '../../version.js';
import { SessionV1, type PushedLines } from './session.js';

/** Opens sockets to version 1 hives; what has been pushed is remembered from one to the next. */
export function connectionsV1(): (options: ConnectionOptions) => Promise<ConnectionEnd> {
  const pushedLines: PushedLines = new Map();
  return (options) => openConnection(options, pushedLines);
}

function openConnection(options: ConnectionOptions, pushedLines: PushedLines): Promise<ConnectionEnd> {
  const { url, store, logger, signal } = options;
  return new Promise((resolve) => {
    const socket = new WebSocket(url, { maxPayload: MAX_V1_MESSAGE_BYTES, perMessageDeflate: false });
    let session: SessionV1 | undefined;
    let refusal: string | undefined;
    let failure: string | undefined;
    let acceptedAt = 0;
    const authTimer = setTimeout(() => {
      failure = 'no auth_result in time';
      socket.terminate();
    }, AUTH_TIMEOUT_MS);
    const close = () => {
      socket.close(1000);
      setTimeout(() => socket.terminate(), 2000).unref();
    };
    signal.addEventListener('abort', close);

    socket.on('open', () => socket.send(authFrame(options)));
    socket.on('message', (data, isBinary) => {
      const buffer = data as Buffer; // ws gives one Buffer while binaryType is 'nodebuffer'
      if (isBinary || refusal !== undefined) return;
      if (session) {
        session.receive(buffer);
        return;
      }
      clearTimeout(authTimer);
      refusal = refusalOf(buffer);
      if (refusal !== undefined) {
        close();
        return;
      }
      acceptedAt = Date.now();
      logger.info('connected to the hive, speaking protocol version 1');
      session = new SessionV1({ socket, store, logger, pushedLines });
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
        max_concurrent_tasks: 1,
        os: process.platform,
        arch: process.arch,
        version: VERSION,
        git_commit: '',
        git_branch: '',
      },
      public_url: null,
      protocol_version: PROTOCOL_V1,
    },
  });
}

/** Undefined: the node is accepted. */
function refusalOf(data: Buffer): string | undefined {
  try {
    const result = validate(authResultFrameV1, parseJson(data.toString('utf8')), 'auth_result').data;
    return result.success ? undefined : (result.error ?? 'no reason given');
  } catch (error) {
    return messageOf(error);
  }
}
