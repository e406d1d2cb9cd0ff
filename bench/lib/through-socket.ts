/** The baseline for moving lines: their uncompressed bytes through a WebSocket between two processes. */
import { once } from 'node:events';
import type { AddressInfo } from 'node:net';
import { WebSocketServer, type WebSocket } from 'ws';
import type { Stage } from './stage.js';

/** @returns seconds from the first frame's arrival to the last one's */
export async function throughSocket(stage: Stage, lines: number): Promise<number> {
  const server = new WebSocketServer({ host: '127.0.0.1', port: 0, perMessageDeflate: false });
  const sender = stage.startHelper('bench/lib/through-socket-process');
  try {
    await once(server, 'listening');
    const connected = once(server, 'connection') as Promise<[WebSocket]>;
    const url = `ws://127.0.0.1:${(server.address() as AddressInfo).port}`;
    const frames = sender.ask<number>('connect', { url, lines });
    const [socket] = await connected;
    const expected = await frames;
    let received = 0;
    const all = new Promise<void>((resolve) => {
      socket.on('message', () => {
        if (++received === expected) resolve();
      });
    });
    const start = performance.now();
    await sender.ask('send');
    await all;
    return (performance.now() - start) / 1000;
  } finally {
    await sender.end();
    server.close();
  }
}
