/** DATABASE_URL taken apart, with libpq's meanings: https://www.postgresql.org/docs/current/libpq-connect.html */

export const SSL_MODES = ['disable', 'allow', 'prefer', 'require', 'verify-ca', 'verify-full'] as const;
export type SslMode = (typeof SSL_MODES)[number];

/** Where a database is and how to connect to it. An absent part is taken from libpq's environment, then its default. */
export interface ConnectionTarget {
  /** A name, an address, or the absolute path of the directory of a Unix socket. */
  host?: string;
  port?: number;
  user?: string;
  password?: string;
  database: string;
  /** The schema that has the hive's tables; absent: the first of the role's search_path. */
  schema?: string;
  sslMode?: SslMode;
  /** Paths of PEM files; `rootCertificate` may be `system`. */
  rootCertificate?: string;
  certificate?: string;
  key?: string;
  keyPassphrase?: string;
  /** Settings for the server, as libpq's `options`. */
  options?: string;
  applicationName?: string;
  connectTimeoutSeconds?: number;
  /** TLS from the first byte, without asking whether the server has it. */
  isTlsDirect?: boolean;
  /** Ties the password's exchange to the TLS connection. */
  bindsChannel?: boolean;
}

/** A DATABASE_URL that can't be used. The message is part of a line, and contains nothing secret. */
export class ConnectionUrlError extends Error {
  override readonly name = 'ConnectionUrlError';
  readonly code = 'connection_url_invalid';
}

const FORM = 'postgresql://USER:PASSWORD@HOST:PORT/DATABASE';
/** Scheme, user, password, host and port, database, parameters. The host may be absent, which URL does not allow. */
const URL_PARTS = /^postgres(?:ql)?:\/\/(?:([^:/?]*)(?::([^/?]*))?@)?([^/?@]*)(?:\/([^?]*))?(?:\?(.*))?$/;
const HOST_AND_PORT = /^(\[[0-9a-f:.]+(?:%[^\]]+)?\]|[^:[\]]*)(?::(\d*))?$/i;
const IDENTIFIER = /^[A-Za-z_][A-Za-z0-9_$]{0,62}$/;

/** Parameters of libpq, node-pg and Prisma that need nothing here: pools and keepalive are the hive's own. */
const WITHOUT_EFFECT = new Set([
  'client_encoding',
  'connection_limit',
  'gssencmode',
  'keepalives',
  'keepalives_count',
  'keepalives_idle',
  'keepalives_interval',
  'max_idle_connection_lifetime',
  'pgbouncer',
  'pool_timeout',
  'socket_timeout',
  'statement_cache_size',
  'tcp_user_timeout',
  'uselibpqcompat',
]);

type Setter = (target: ConnectionTarget, value: string) => void;

const PARAMETERS: Record<string, Setter> = {
  host: (target, value) => (target.host = hostOf(value)),
  port: (target, value) => (target.port = numberOf('port', value, 65_535)),
  user: (target, value) => (target.user = value),
  password: (target, value) => (target.password = value),
  dbname: (target, value) => (target.database = value),
  schema: (target, value) => (target.schema = schemaOf(value)),
  options: (target, value) => (target.options = value),
  application_name: (target, value) => (target.applicationName = value),
  fallback_application_name: (target, value) => (target.applicationName ??= value),
  connect_timeout: (target, value) => (target.connectTimeoutSeconds = numberOf('connect_timeout', value, 86_400)),
  sslmode: (target, value) => (target.sslMode = sslModeOf(value)),
  ssl: (target, value) => (target.sslMode ??= ['true', '1'].includes(value) ? 'require' : 'disable'),
  sslrootcert: (target, value) => (target.rootCertificate = value),
  sslcert: (target, value) => (target.certificate = value),
  sslkey: (target, value) => (target.key = value),
  sslpassword: (target, value) => (target.keyPassphrase = value),
  sslnegotiation: (target, value) => (target.isTlsDirect = value === 'direct'),
  channel_binding: (target, value) => (target.bindsChannel = value === 'require'),
  target_session_attrs: (_target, value) => {
    if (value !== 'any')
      throw new ConnectionUrlError('no target_session_attrs except any: give the address of the primary');
  },
};

/**
 * Takes a database's URL apart. Understands what libpq does, with one host, and `schema` as Prisma does.
 * @throws ConnectionUrlError
 */
export function parseConnectionUrl(url: string): ConnectionTarget {
  const parts = URL_PARTS.exec(url.trim());
  if (!parts) throw new ConnectionUrlError(FORM);
  const [, user = '', password, address = '', database = '', query = ''] = parts;
  const target: ConnectionTarget = { database: decoded(database), ...hostAndPort(address) };
  if (user !== '') target.user = decoded(user);
  if (password !== undefined && password !== '') target.password = decoded(password);
  for (const [name, value] of new URLSearchParams(query)) {
    const set = Object.hasOwn(PARAMETERS, name) ? PARAMETERS[name] : undefined;
    if (set) set(target, value);
    else if (!WITHOUT_EFFECT.has(name))
      throw new ConnectionUrlError(`${FORM}, without the unknown parameter ${shown(name)}`);
  }
  if (target.database === '') throw new ConnectionUrlError(FORM);
  if ((target.certificate === undefined) !== (target.key === undefined)) {
    throw new ConnectionUrlError('sslcert only together with sslkey');
  }
  return target;
}

/** @returns the host and port, or the socket's directory, as an error message shows them */
export function describeAddress({ host, port }: { host?: string | undefined; port?: number | undefined }): string {
  const shownHost = host?.includes(':') ? `[${host}]` : (host ?? 'localhost');
  return `${shownHost}:${port ?? 5432}`;
}

function hostAndPort(address: string): Pick<ConnectionTarget, 'host' | 'port'> {
  if (address.includes(',')) throw new ConnectionUrlError('one host, not several');
  const [, host = '', port = ''] = HOST_AND_PORT.exec(address) ?? [];
  if (address !== '' && host === '' && port === '') throw new ConnectionUrlError(FORM);
  return {
    ...(host !== '' && { host: hostOf(decoded(host)) }),
    ...(port !== '' && { port: numberOf('port', port, 65_535) }),
  };
}

function hostOf(host: string): string {
  if (host.includes(',')) throw new ConnectionUrlError('one host, not several');
  return host.replace(/^\[(.*)\]$/, '$1');
}

function decoded(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    throw new ConnectionUrlError(`${FORM}, in which a % that belongs to a name or password is written %25`);
  }
}

/** @throws ConnectionUrlError */
export function numberOf(name: string, value: string, max: number): number {
  if (!/^\d{1,9}$/.test(value) || Number(value) > max) throw new ConnectionUrlError(`a number up to ${max} as ${name}`);
  return Number(value);
}

function schemaOf(value: string): string {
  if (IDENTIFIER.test(value)) return value;
  throw new ConnectionUrlError('as schema, a name of letters, digits and _ (at most 63 characters)');
}

/** @throws ConnectionUrlError */
export function sslModeOf(value: string): SslMode {
  if (value === 'no-verify') return 'require'; // node-pg's name for it
  const mode = SSL_MODES.find((known) => known === value);
  if (mode === undefined) throw new ConnectionUrlError(`as sslmode, one of ${SSL_MODES.join(', ')}`);
  return mode;
}

function shown(name: string): string {
  return JSON.stringify(name.slice(0, 60));
}
