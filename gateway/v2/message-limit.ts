import type { Socket } from 'node:net';
import type { WebSocket } from 'ws';

/**
 * Room for what is counted besides a message's own bytes: frame headers, and messages before it in the same TCP chunk.
 */
const SLACK_BYTES = 128 * 1024;
const TOO_LARGE = 1009;

/** Closes the socket when more than `maxBytes` of a message have come and the message is still incomplete. */
export function limitMessages(ws: WebSocket, tcp: Socket, maxBytes: number): void {
  let unfinished = 0;
  ws.on('message', () => (unfinished = 0));
  tcp.on('data', (chunk: Buffer) => {
    unfinished += chunk.length;
    if (unfinished <= maxBytes + SLACK_BYTES || ws.readyState !== ws.OPEN) return;
    ws.close(TOO_LARGE, 'message too large');
    setTimeout(() => ws.terminate(), 100).unref();
  });
}
