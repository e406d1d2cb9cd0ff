/** A TCP proxy that misbehaves on command: it can cut, stall and refuse, and leave one half of a connection open. */
import { once } from 'node:events';
import { createServer, connect, type AddressInfo, type Server, type Socket } from 'node:net';

export interface FaultProxyOptions {
  /** The port on 127.0.0.1 that new connections go to. */
  target: () => number;
  /** Sees what goes from the client to the server, before it is passed on. */
  observe?: (chunk: Buffer, connection: number) => void;
}

interface Pair {
  client: Socket;
  server: Socket;
}

export class FaultProxy {
  readonly #listener: Server;
  readonly #options: FaultProxyOptions;
  readonly #pairs = new Set<Pair>();
  /** Server sides that were not told that their client is gone. */
  readonly #orphans = new Set<Socket>();
  #isStalled = false;
  #isRefusing = false;
  #connections = 0;

  private constructor(listener: Server, options: FaultProxyOptions) {
    this.#listener = listener;
    this.#options = options;
    listener.on('connection', (client) => this.#connect(client));
  }

  static async listen(options: FaultProxyOptions): Promise<FaultProxy> {
    const listener = createServer({ pauseOnConnect: true });
    listener.listen(0, '127.0.0.1');
    await once(listener, 'listening');
    return new FaultProxy(listener, options);
  }

  get port(): number {
    return (this.#listener.address() as AddressInfo).port;
  }

  /**
   * Ends every connection. Does not use `resetAndDestroy`: in Node 20, if something still has to be written, that
   * leaves a request for which the process then waits forever at its end.
   */
  cut(): void {
    for (const { client, server } of this.#pairs) {
      client.destroy();
      server.destroy();
    }
    this.release();
  }

  /** Lets nothing pass in either direction. Connections stay open, new ones too. */
  stall(): void {
    this.#isStalled = true;
    for (const { client, server } of this.#pairs) {
      client.pause();
      server.pause();
    }
  }

  resume(): void {
    this.#isStalled = false;
    for (const { client, server } of this.#pairs) {
      client.resume();
      server.resume();
    }
  }

  /** Ends every connection, and new ones as they come, until it is called with false. */
  refuse(isRefusing: boolean): void {
    this.#isRefusing = isRefusing;
    if (isRefusing) this.cut();
  }

  /** Clients see their connection end; the server does not notice until {@link release}. */
  orphan(): void {
    for (const { client, server } of this.#pairs) {
      server.removeAllListeners('data');
      server.removeAllListeners('close');
      server.resume();
      this.#orphans.add(server);
      client.removeAllListeners('close');
      client.destroy();
    }
    this.#pairs.clear();
  }

  /** Ends what {@link orphan} left open. */
  release(): void {
    for (const server of this.#orphans) server.destroy();
    this.#orphans.clear();
  }

  async close(): Promise<void> {
    const closed = once(this.#listener, 'close');
    this.#listener.close();
    this.cut();
    await closed;
  }

  #connect(client: Socket): void {
    client.on('error', () => undefined);
    if (this.#isRefusing) {
      client.destroy();
      return;
    }
    const number = ++this.#connections;
    const server = connect({ host: '127.0.0.1', port: this.#options.target(), noDelay: true });
    server.on('error', () => undefined);
    client.setNoDelay(true);
    const pair = { client, server };
    this.#pairs.add(pair);
    const { observe } = this.#options;
    this.#forward(client, server, observe && ((chunk) => observe(chunk, number)));
    this.#forward(server, client);
    const end = () => {
      this.#pairs.delete(pair);
      client.destroy();
      server.destroy();
    };
    client.once('close', end);
    server.once('close', end);
    if (!this.#isStalled) client.resume();
  }

  #forward(from: Socket, to: Socket, observe?: (chunk: Buffer) => void): void {
    from.on('data', (chunk: Buffer) => {
      observe?.(chunk);
      if (!to.write(chunk)) from.pause();
    });
    to.on('drain', () => {
      if (!this.#isStalled) from.resume();
    });
    from.on('end', () => to.end());
    if (this.#isStalled) from.pause();
  }
}
