/** Connections to the database that a URL names, made as libpq would make them. */
import { existsSync, readFileSync } from 'node:fs';
import { connect } from 'node:net';
import type { ConnectionOptions } from 'node:tls';
import { userInfo } from 'node:os';
import { join } from 'node:path';
import pg from 'pg';
import {
  ConnectionUrlError,
  numberOf,
  parseConnectionUrl,
  sslModeOf,
  type ConnectionTarget,
} from './connection-url.js';

const DEFAULT_PORT = '5432';
/** Where PostgreSQL's packages put the server's Unix socket. */
const SOCKET_DIRECTORY = '/var/run/postgresql';

/** Reads an environment variable. An empty one counts as unset. */
type Variable = (name: string) => string | undefined;

/**
 * @returns node-pg's options for the database of a URL, without its schema (pooler.ts). What the URL lacks comes from
 * libpq's environment variables (PGHOST, PGPORT, PGUSER, PGPASSWORD, PGPASSFILE, PGSSLMODE, PGSSLROOTCERT, PGSSLCERT, PGSSLKEY).
 * @throws ConnectionUrlError, also if a file that the URL names can't be read
 */
export function connectionOptions(url: string, env: NodeJS.ProcessEnv = process.env): pg.PoolConfig {
  const variable: Variable = (name) => (env[name] === '' ? undefined : env[name]);
  const target = parseConnectionUrl(url);
  const port = target.port ?? numberOf('PGPORT', variable('PGPORT') ?? DEFAULT_PORT, 65_535);
  const host = target.host ?? variable('PGHOST') ?? localServer(port);
  const ssl = host.startsWith('/') ? false : tlsOptions(target, variable);
  return {
    host,
    port,
    database: target.database,
    user: target.user ?? variable('PGUSER') ?? systemUser(),
    ...(target.password !== undefined && { password: target.password }),
    ssl: ssl === 'if offered' ? { rejectUnauthorized: false } : ssl,
    ...(ssl === 'if offered' && { Client: TlsIfOfferedClient }),
    ...(target.isTlsDirect && { sslnegotiation: 'direct' }),
    ...(target.bindsChannel && { enableChannelBinding: true }),
    ...(target.options !== undefined && { options: target.options }),
    ...(target.applicationName !== undefined && { application_name: target.applicationName }),
    ...(target.connectTimeoutSeconds && { connectionTimeoutMillis: target.connectTimeoutSeconds * 1000 }),
  };
}

/** Makes one connection to the database of a URL, which is not open yet. */
export function newClient(options: pg.PoolConfig): pg.Client {
  const { Client, ...config } = options;
  return Client === TlsIfOfferedClient ? new TlsIfOfferedClient(config) : new pg.Client(config);
}

function localServer(port: number): string {
  return existsSync(join(SOCKET_DIRECTORY, `.s.PGSQL.${port}`)) ? SOCKET_DIRECTORY : 'localhost';
}

function systemUser(): string {
  try {
    return userInfo().username;
  } catch {
    throw new ConnectionUrlError('with a USER or PGUSER, because the system has no name for the user of this process');
  }
}

/** What a sslmode means, with libpq's exceptions: with a root certificate, `require` verifies as `verify-ca` does. */
function tlsOptions(target: ConnectionTarget, variable: Variable): ConnectionOptions | 'if offered' | false {
  const given = variable('PGSSLMODE');
  const mode = target.sslMode ?? (given ? sslModeOf(given) : 'prefer');
  if (mode === 'disable') return false;
  if (mode === 'allow' || mode === 'prefer') return target.isTlsDirect ? { rejectUnauthorized: false } : 'if offered';
  const root = target.rootCertificate ?? variable('PGSSLROOTCERT') ?? rootCertificateAtHome(variable);
  const isVerified = mode !== 'require' || root !== undefined;
  if (mode === 'verify-ca' && (root === undefined || root === 'system')) {
    throw new ConnectionUrlError('sslmode=verify-ca only with sslrootcert, the file of a certificate authority');
  }
  const options: ConnectionOptions = {
    ...(!isVerified && { rejectUnauthorized: false }),
    ...(isVerified && mode !== 'verify-full' && root !== 'system' && { checkServerIdentity: () => undefined }),
    ...(target.keyPassphrase !== undefined && { passphrase: target.keyPassphrase }),
  };
  if (root !== undefined && root !== 'system') readAtEachConnection(options, 'ca', 'sslrootcert', root);
  const [certificate, key] = [target.certificate ?? variable('PGSSLCERT'), target.key ?? variable('PGSSLKEY')];
  if (certificate && key) {
    readAtEachConnection(options, 'cert', 'sslcert', certificate);
    readAtEachConnection(options, 'key', 'sslkey', key);
  }
  return options;
}

function rootCertificateAtHome(variable: Variable): string | undefined {
  const path = join(variable('HOME') ?? '/', '.postgresql', 'root.crt');
  return existsSync(path) ? path : undefined;
}

/**
 * Makes an option the newest content of a file, because certificates are replaced while a hive runs.
 * @throws ConnectionUrlError if the file can't be read now
 */
function readAtEachConnection(
  options: ConnectionOptions,
  option: 'ca' | 'cert' | 'key',
  parameter: string,
  path: string,
): void {
  let content = readPem(parameter, path);
  const get = () => {
    try {
      content = readPem(parameter, path);
    } catch {
      // it is just being replaced: this connection takes what was there before
    }
    return content;
  };
  Object.defineProperty(options, option, { get, enumerable: true, configurable: true });
}

function readPem(parameter: string, path: string): string {
  try {
    return readFileSync(path, 'utf8');
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    throw new ConnectionUrlError(`a file that can be read as ${parameter}, unlike ${path} (${code ?? String(error)})`);
  }
}

const SSL_REQUEST = Buffer.from([0, 0, 0, 8, 0x04, 0xd2, 0x16, 0x2f]);
const YES = 'S'.charCodeAt(0);
const ANSWER_MS = 10_000;

/** Uses TLS if the server has it. node-pg by itself would give up at a server that has none. */
class TlsIfOfferedClient extends pg.Client {
  /** Which servers have TLS, by host and port: asked at the first connection, and again after one that failed. */
  static readonly #offers = new Map<string, boolean>();

  override connect(): Promise<pg.Client>;
  override connect(callback: (error: Error) => void): void;
  override connect(callback?: (error: Error) => void): Promise<pg.Client> | void {
    const connected = this.#connect();
    if (!callback) return connected;
    connected.then(() => (callback as unknown as (error: null) => void)(null), callback);
  }

  async #connect(): Promise<pg.Client> {
    const server = `${this.host} ${this.port}`;
    const offers = TlsIfOfferedClient.#offers;
    try {
      const isOffered = offers.get(server) ?? (await this.#isTlsOffered());
      offers.set(server, isOffered);
      if (!isOffered) this.#doWithoutTls();
      return await super.connect();
    } catch (error) {
      offers.delete(server);
      throw error;
    }
  }

  /** @throws Error if the server does not answer; also if the pool destroys this client's socket meanwhile */
  async #isTlsOffered(): Promise<boolean> {
    const socket = connect({ host: this.host, port: this.port });
    const { stream } = this.#internals.connection;
    const giveUp = () => socket.destroy(new Error('timeout expired'));
    socket.setTimeout(ANSWER_MS, giveUp);
    stream.once('close', giveUp);
    try {
      socket.write(SSL_REQUEST);
      for await (const answer of socket) return (answer as Buffer)[0] === YES;
      throw new Error('Connection terminated unexpectedly');
    } finally {
      stream.off('close', giveUp);
      socket.destroy();
    }
  }

  #doWithoutTls(): void {
    this.#internals.ssl = false;
    this.#internals.connection.ssl = false;
  }

  /** Of node-pg, which reads them when it connects. */
  get #internals() {
    return this as unknown as { ssl: boolean; connection: { ssl: boolean; stream: NodeJS.ReadableStream } };
  }
}
