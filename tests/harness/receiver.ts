/** A program that webhooks tell what happens. */
import { createServer, type IncomingHttpHeaders, type Server } from 'node:http';
import { createServer as createTcpServer, type AddressInfo, type Socket } from 'node:net';
import { Webhook } from 'standardwebhooks';

export interface Received {
  /** By the monotonic clock. @format ms */
  at: number;
  path: string;
  headers: IncomingHttpHeaders;
  body: string;
  status: number;
}

interface Reply {
  status: number;
  headers?: Record<string, string>;
  body?: string;
}

export class Receiver {
  readonly received: Received[] = [];
  /** How it answers. @default takes everything */
  reply: (received: Omit<Received, 'status'>) => Reply = () => ({ status: 204 });
  readonly #server: Server;

  private constructor() {
    this.#server = createServer((request, response) => {
      let body = '';
      request.setEncoding('utf8');
      request.on('data', (chunk: string) => (body += chunk));
      request.on('end', () => {
        const one = { at: performance.now(), path: request.url ?? '', headers: request.headers, body };
        const { status, headers, body: answer } = this.reply(one);
        this.received.push({ ...one, status });
        response.writeHead(status, headers).end(answer);
      });
    });
  }

  static async start(): Promise<Receiver> {
    const receiver = new Receiver();
    await new Promise<void>((resolve) => receiver.#server.listen(0, '127.0.0.1', resolve));
    return receiver;
  }

  get url(): string {
    return `http://127.0.0.1:${(this.#server.address() as AddressInfo).port}/hook`;
  }

  /** What it took, in order. */
  get taken(): Received[] {
    return this.received.filter(({ status }) => status < 300);
  }

  close(): void {
    this.#server.closeAllConnections();
    this.#server.close();
  }
}

/** @returns the event @throws if it is not signed with the secret */
export function verified(secret: string, { body, headers }: Received): { type: string; data: Record<string, unknown> } {
  return new Webhook(secret).verify(body, headers as Record<string, string>) as ReturnType<typeof verified>;
}

/** Takes connections and never answers. */
export class BlackHole {
  connections = 0;
  readonly #sockets = new Set<Socket>();
  readonly #server = createTcpServer((socket) => {
    this.connections++;
    this.#sockets.add(socket);
    socket.on('error', () => undefined).on('close', () => this.#sockets.delete(socket));
    socket.resume();
  });

  static async start(): Promise<BlackHole> {
    const hole = new BlackHole();
    await new Promise<void>((resolve) => hole.#server.listen(0, '127.0.0.1', resolve));
    return hole;
  }

  get url(): string {
    return `http://127.0.0.1:${(this.#server.address() as AddressInfo).port}/`;
  }

  /** Connections that are open now. */
  get open(): number {
    return this.#sockets.size;
  }

  close(): void {
    for (const socket of this.#sockets) socket.destroy();
    this.#server.close();
  }
}
