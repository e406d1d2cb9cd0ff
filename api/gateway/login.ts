/** A socket before it has said who it is: one `auth` frame within bounds of time and size, nothing else. */
import type { IncomingMessage } from 'node:http';
import type { RawData, WebSocket } from 'ws';
import { authFrame, type AuthData } from '../../protocol/frames.js';
import { AUTH_TIMEOUT_MS, MAX_BYTES_BEFORE_AUTH, PROTOCOL_VERSION } from '../../protocol/limits.js';
import { decodeTextFrame, encodeTextFrame, FrameError } from '../../protocol/text-frame.js';

/** Waits for the node's introduction. Undefined: the socket was refused and is closing, or it has gone. */
export function awaitAuth(ws: WebSocket, request: IncomingMessage): Promise<AuthData | undefined> {
  return new Promise((resolve) => {
    const startBytes = request.socket.bytesRead;
    const end = (auth: AuthData | undefined, error?: string) => {
      clearTimeout(timer);
      request.socket.off('data', countBytes);
      ws.off('message', receive);
      ws.off('close', gone);
      if (error !== undefined) refuseAuth(ws, error);
      resolve(auth);
    };
    const timer = setTimeout(() => end(undefined, 'timeout waiting for auth message'), AUTH_TIMEOUT_MS);
    // A frame is held in memory until it is whole; its declared length says nothing about what will be sent.
    const countBytes = () => {
      if (request.socket.bytesRead - startBytes > MAX_BYTES_BEFORE_AUTH) end(undefined, 'auth message is too large');
    };
    const receive = (data: RawData, isBinary: boolean) => {
      if (isBinary) {
        end(undefined, 'invalid auth message: expected text message');
        return;
      }
      try {
        end(decodeTextFrame(authFrame, data as Buffer).data);
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

/** Answers a failed login and closes. */
export function refuseAuth(ws: WebSocket, error: string, protocolVersion = PROTOCOL_VERSION): void {
  ws.send(encodeTextFrame({ type: 'auth_result', data: { success: false, error, protocol_version: protocolVersion } }));
  ws.resume(); // the answer to the close has to be read
  ws.close(1008, 'authentication failed');
  setTimeout(() => ws.terminate(), 2000).unref();
}
