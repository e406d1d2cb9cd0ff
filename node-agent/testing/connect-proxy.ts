/** For tests: an HTTP proxy that opens tunnels (CONNECT) to a port of this machine, whatever host is asked for. */
import { once } from 'node:events';
import { createServer, type Server } from 'node:http';
import { connect, type AddressInfo, type Socket } from 'node:net';

/** `silent`: it takes the request and never answers; `cuts`: it closes instead of an answer, or soon after it. */
export type ProxyManner = 'tunnels' | 'refuses' | 'silent' | 'cuts' | 'cuts later';

export class ConnectProxy {
  readonly #server: Server;
  readonly #sockets = new Set<Socket>();
  /** What was asked for: `host:port`. */
  readonly asked: string[] = [];
  /** Where every tunnel ends. */
  port = 0;
  manner: ProxyManner = 'tunnels';
  /** If it is set, another Proxy-Authorization is answered with 407. */
  authorization: string | undefined;

  private constructor(server: Server) {
    this.#server = server;
    server.on('connection', (socket) => this.#watch(socket));
    server.on('connect', (request, socket: Socket) => {
      this.asked.push(request.url ?? '');
      if (this.authorization !== undefined && request.headers['proxy-authorization'] !== this.authorization) {
        socket.end('HTTP/1.1 407 Proxy Authentication Required\r\nProxy-Authenticate: Basic realm="p"\r\n\r\nno');
      } else this.#answer(socket);
    });
  }

  static async start(): Promise<ConnectProxy> {
    const server = createServer((_, response) => response.writeHead(501).end());
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    return new ConnectProxy(server);
  }

  /** Host and port, as they stand in a URL. */
  get host(): string {
    return `127.0.0.1:${(this.#server.address() as AddressInfo).port}`;
  }

  /** Connections that are open now, those to the other end included. */
  get connections(): number {
    return this.#sockets.size;
  }

  async stop(): Promise<void> {
    for (const socket of this.#sockets) socket.destroy();
    await new Promise((resolve) => this.#server.close(resolve));
  }

  #answer(socket: Socket): void {
    // read, so that its end is noticed
    if (this.manner === 'silent') socket.once('end', () => socket.destroy()).resume();
    else if (this.manner === 'cuts') socket.destroy();
    else if (this.manner === 'refuses') socket.end('HTTP/1.1 403 Forbidden\r\n\r\nnot allowed');
    else {
      const upstream = connect(this.port, '127.0.0.1');
      this.#watch(upstream);
      upstream.once('connect', () => {
        socket.write('HTTP/1.1 200 Connection established\r\n\r\n');
        if (this.manner === 'cuts later') socket.destroySoon();
        else socket.pipe(upstream).pipe(socket);
      });
    }
  }

  #watch(socket: Socket): void {
    this.#sockets.add(socket);
    socket.on('error', () => socket.destroy());
    socket.once('close', () => this.#sockets.delete(socket));
  }
}
