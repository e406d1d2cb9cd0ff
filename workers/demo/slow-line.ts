/** A line to the hive that is slow, and that can be cut: a laptop in a train. */
import { once } from 'node:events';
import { connect, createServer, type AddressInfo, type Socket } from 'node:net';

export interface SlowLine {
  /** Reaches the hive through it. */
  url: string;
  /** Nothing gets through any more. */
  cut(): void;
}

/** @param bytesPerSecond that the node may send */
export async function openSlowLine(hiveUrl: string, bytesPerSecond: number): Promise<SlowLine> {
  const { hostname, port } = new URL(hiveUrl);
  const sockets = new Set<Socket>();
  const keep = (socket: Socket): Socket => {
    sockets.add(socket);
    socket.on('error', () => socket.destroy()).once('close', () => sockets.delete(socket));
    return socket;
  };
  const server = createServer((incoming) => {
    const node = keep(incoming);
    const hive = keep(connect(Number(port), hostname));
    hive.pipe(node);
    node.once('close', () => hive.destroy());
    node.on('data', (piece: Buffer) => {
      hive.write(piece);
      node.pause();
      setTimeout(() => node.resume(), (piece.byteLength / bytesPerSecond) * 1000);
    });
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  return {
    url: `ws://127.0.0.1:${(server.address() as AddressInfo).port}`,
    cut() {
      server.close();
      for (const socket of sockets) socket.destroy();
    },
  };
}
