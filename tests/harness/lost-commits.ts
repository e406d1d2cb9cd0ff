/** A proxy in front of PostgreSQL that lets a COMMIT through and loses its answer: the client can't know what became of it. */
import { once } from 'node:events';
import { connect, createServer, type AddressInfo, type Server, type Socket } from 'node:net';

const COMMIT = Buffer.from('COMMIT\0');

export class LostCommits {
  readonly #server: Server;
  readonly #sockets = new Set<Socket>();
  readonly url: string;
  /** How many COMMITs have passed. */
  commits = 0;
  /** The answer to the COMMIT with this number is lost, counted from 1 as {@link commits} is. */
  #lost: number | undefined;

  private constructor(server: Server, databaseUrl: string) {
    this.#server = server;
    const url = new URL(databaseUrl);
    const target = { host: url.hostname, port: Number(url.port) };
    server.on('connection', (client) => this.#connect(client, connect(target)));
    url.hostname = '127.0.0.1';
    url.port = String((server.address() as AddressInfo).port);
    this.url = url.href;
  }

  static async listen(databaseUrl: string): Promise<LostCommits> {
    const server = createServer();
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    return new LostCommits(server, databaseUrl);
  }

  /** Loses the answer to one of the next COMMITs. @param which 1 for the next one */
  lose(which: number): void {
    this.#lost = this.commits + which;
  }

  /** @returns whether the answer to be lost has not been lost yet */
  get isArmed(): boolean {
    return this.#lost !== undefined;
  }

  disarm(): void {
    this.#lost = undefined;
  }

  async close(): Promise<void> {
    for (const socket of this.#sockets) socket.destroy();
    this.#server.close();
    await once(this.#server, 'close');
  }

  #connect(client: Socket, database: Socket): void {
    let isLosing = false;
    for (const socket of [client, database]) {
      this.#sockets.add(socket);
      socket.setNoDelay(true).on('error', () => undefined);
      socket.once('close', () => {
        this.#sockets.delete(socket);
        client.destroy();
        database.destroy();
      });
    }
    client.on('data', (chunk: Buffer) => {
      if (chunk.includes(COMMIT) && ++this.commits === this.#lost) {
        isLosing = true;
        this.#lost = undefined;
      }
      database.write(chunk);
    });
    database.on('data', (chunk: Buffer) => {
      if (isLosing)
        client.destroy(); // it is committed: this is the answer
      else client.write(chunk);
    });
  }
}
