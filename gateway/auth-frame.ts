/** A socket before its login: it may send one `auth` frame, within limits of time and size, and nothing else. */
import type { IncomingMessage } from 'node:http';
import type { Socket } from 'node:net';
import type { RawData, WebSocket } from 'ws';
import { authFrame, type AuthData } from '../protocol/frames.js';
import { MAX_BYTES_BEFORE_AUTH, PROTOCOL_VERSION } from '../protocol/limits.js';
import { decodeTextFrame, encodeTextFrame, FrameError, parseJson } from '../protocol/text-frame.js';
import { authFrameV1, authResultV1, PROTOCOL_V1, type AuthDataV1 } from '../protocol/v1/frames.js';

/** How long a node has to end its side of the connection. */
const END_MS = 2000;

/**
 * Waits for the node's `auth` frame, and refuses anything else.
 * @returns what the frame says; undefined if the socket was refused or has closed
 */
export function awaitAuth(
  ws: WebSocket,
  request: IncomingMessage,
  timeoutMs: number,
): Promise<AuthData | AuthDataV1 | undefined> {
  return new Promise((resolve) => {
    const startBytes = request.socket.bytesRead;
    const end = (auth: AuthData | AuthDataV1 | undefined, error?: string) => {
      clearTimeout(timer);
      request.socket.off('data', countBytes);
      ws.off('message', receive);
      ws.off('close', gone);
      if (error !== undefined) refuseAuth({ ws, tcp: request.socket }, error);
      resolve(auth);
    };
    const timer = setTimeout(() => end(undefined, 'timeout waiting for auth message'), timeoutMs);
    // A frame stays in memory until it is complete, and its declared length says nothing about how much will come.
    const countBytes = () => {
      if (request.socket.bytesRead - startBytes > MAX_BYTES_BEFORE_AUTH) end(undefined, 'auth message is too large');
    };
    const receive = (data: RawData, isBinary: boolean) => {
      if (isBinary) {
        end(undefined, 'invalid auth message: expected text message');
        return;
      }
      try {
        end(readAuth((data as Buffer).toString('utf8')));
      } catch (error) {
        if (!(error instanceof FrameError)) throw error;
        end(undefined, `invalid auth message: ${error.message}`);
      }
    };
    const gone = () => end(undefined);
    request.socket.on('data', countBytes);
    ws.on('message', receive);
    ws.on('close', gone);
  });
}

/** @throws FrameError */
function readAuth(text: string): AuthData | AuthDataV1 {
  const frame = parseJson(text) as { type?: unknown; data?: { protocol_version?: unknown } | null } | null;
  if (typeof frame !== 'object' || frame?.type !== 'auth') throw new FrameError('expected auth message');
  const schema = frame.data?.protocol_version === PROTOCOL_V1 ? authFrameV1 : authFrame;
  return decodeTextFrame<typeof authFrame | typeof authFrameV1>(schema, text).data;
}

/** A socket on which a login ends, and the version that its node speaks; undefined if it has not said so. */
export interface LoginSocket {
  ws: WebSocket;
  tcp: Socket;
  version?: number | undefined;
}

/** Refuses a login with an answer that nodes of both protocol versions can read, and closes the socket. */
export function refuseAuth(socket: LoginSocket, error: string): void {
  socket.ws.send(
    encodeTextFrame(authResultV1({ error }, socket.version === PROTOCOL_V1 ? PROTOCOL_V1 : PROTOCOL_VERSION)),
  );
  endLogin(socket, 1008, 'authentication failed');
}

/**
 * Closes a socket whose key can't be checked at the moment, without refusing the login: a node waits long after a
 * refusal, but comes back soon after a connection that merely ended.
 */
export function postponeAuth(socket: LoginSocket): void {
  endLogin(socket, 1013, 'the hive cannot check the API key now; try again later');
}

/** Closes a socket whose login was overtaken by a later one of the same node. */
export function supersedeAuth(socket: LoginSocket): void {
  endLogin(socket, 1000, 'superseded by a newer connection of this node');
}

/**
 * Only a node of version 2 gets a WebSocket close, which says why. The original hive ends the TCP connection behind its
 * last frame, and an original node takes a close for a reason to come back soon. What has not said which version it
 * speaks is treated as an original node, because our own node agent always says it.
 */
function endLogin({ ws, tcp, version }: LoginSocket, code: number, reason: string): void {
  ws.resume(); // to read the answer to the close, or the node's own end
  if (version === PROTOCOL_VERSION) ws.close(code, reason);
  else tcp.end();
  const timer = setTimeout(() => ws.terminate(), END_MS);
  ws.once('close', () => clearTimeout(timer));
}
