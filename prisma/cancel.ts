/** Ending what a connection's backend is doing: it does not notice by itself that its client has given up. */
import type { EventEmitter } from 'node:events';
import type { Duplex } from 'node:stream';
import pg from 'pg';

const CANCEL_MS = 5000;

/** The parts of the driver's own cancelling that its types leave out. */
interface Backend {
  processID: number | null;
  secretKey: number | null;
  ssl: boolean | object;
  sslNegotiation: 'postgres' | 'direct';
}
interface CancelConnection extends EventEmitter {
  stream: Duplex;
  connect(portOrPath: number | string, host?: string): void;
  requestSsl(): void;
  cancel(processID: number, secretKey: number): void;
}

/**
 * Asks the server, on a connection of its own, to cancel the client's statement. Resolves when it has been asked, or
 * can't be within 5 s; the statement's own bound then ends it. Behind a pooler, it needs the client's connection open.
 */
export async function cancelStatement(client: pg.Client): Promise<void> {
  const { processID, secretKey, ssl, sslNegotiation } = client as unknown as Backend;
  if (processID === null || secretKey === null) return;
  const config = { ssl, sslNegotiation } as pg.ConnectionConfig;
  const connection = new pg.Connection(config) as unknown as CancelConnection;
  await new Promise<void>((resolve) => {
    const timer = setTimeout(() => connection.stream.destroy(), CANCEL_MS);
    const cancel = () => connection.cancel(processID, secretKey); // the server closes the connection then
    connection.on('error', () => connection.stream.destroy());
    connection.once('end', () => {
      clearTimeout(timer);
      resolve();
    });
    connection.once('connect', () => {
      if (!ssl) cancel();
      else if (sslNegotiation !== 'direct') connection.requestSsl();
    });
    connection.once('sslconnect', cancel);
    if (client.host.startsWith('/')) connection.connect(`${client.host}/.s.PGSQL.${client.port}`);
    else connection.connect(client.port, client.host);
  });
}
