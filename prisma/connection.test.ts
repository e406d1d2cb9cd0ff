import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { execFile } from 'node:child_process';
import { chmodSync, chownSync, copyFileSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { Servers } from '../tests/harness/servers.js';
import { runHive } from '../tests/harness/processes.js';
import { connectionOptions, newClient } from './connection.js';
import { parseConnectionUrl } from './connection-url.js';
import { openDatabase } from './client.js';

const run = promisify(execFile);

describe('a URL is taken apart as libpq does it', () => {
  test.each([
    ['postgresql://me:p%40ss@db:5433/hive', { user: 'me', password: 'p@ss', host: 'db', port: 5433, database: 'hive' }],
    ['postgres://me@db/hive?port=5434&user=you', { user: 'you', host: 'db', port: 5434, database: 'hive' }],
    ['postgresql://me@[2001:db8::1]:5433/hive', { user: 'me', host: '2001:db8::1', port: 5433, database: 'hive' }],
    ['postgresql:///hive?host=/run/postgresql', { host: '/run/postgresql', database: 'hive' }],
    ['postgres://me@%2Frun%2Fpostgresql/hive', { user: 'me', host: '/run/postgresql', database: 'hive' }],
    [
      'postgresql://me:pass@/hive?host=/cloudsql/project:region:instance',
      { user: 'me', password: 'pass', host: '/cloudsql/project:region:instance', database: 'hive' },
    ],
    ['postgresql://db/a%20b?schema=mine', { host: 'db', database: 'a b', schema: 'mine' }],
    ['postgresql://db/hive?pgbouncer=true&connection_limit=5', { host: 'db', database: 'hive' }],
    ['postgresql://db/hive?ssl=true', { host: 'db', database: 'hive', sslMode: 'require' }],
  ])('%s', (url, target) => {
    expect(parseConnectionUrl(url)).toEqual(target);
  });

  test.each([
    ['postgresql://db:5432', 'postgresql://USER:PASSWORD@HOST:PORT/DATABASE'],
    ['postgresql://me:100%@db/hive', 'a % that belongs to a name or password is written %25'],
    ['postgresql://db:99999/hive', 'a number up to 65535 as port'],
    ['postgresql://db/hive?schema=a"b', 'as schema, a name of letters'],
    ['postgresql://db/hive?target_session_attrs=read-write', 'no target_session_attrs except any'],
    ['postgresql://db/hive?sslcert=/c.pem', 'sslcert only together with sslkey'],
  ])('%s is refused', (url, message) => {
    expect(() => parseConnectionUrl(url)).toThrow(message);
  });
});

test("what a URL lacks comes from libpq's environment variables", () => {
  const env = { PGHOST: '/sockets', PGPORT: '5433', PGUSER: 'me' };
  expect(connectionOptions('postgresql:///hive', env)).toMatchObject({ host: '/sockets', port: 5433, user: 'me' });
  expect(connectionOptions('postgresql://you@db/hive', { PGSSLMODE: 'disable' })).toMatchObject({
    host: 'db',
    port: 5432,
    user: 'you',
    ssl: false,
  });
  expect(() => connectionOptions('postgresql://you@db/hive', { PGSSLMODE: 'sometimes' })).toThrow('one of disable');
  expect(() => connectionOptions('postgresql://you@db/hive', { PGPORT: 'tcp://10.0.0.1:5432' })).toThrow('as PGPORT');
});

/** A certificate authority, another one, and the server's key and certificate, for `localhost` only. */
async function makeCertificates(folder: string): Promise<void> {
  const openssl = (...args: string[]) => run('openssl', args, { cwd: folder });
  const key = ['-newkey', 'rsa:2048', '-nodes'];
  for (const authority of ['ca', 'other-ca']) {
    await openssl('req', '-x509', ...key, '-keyout', `${authority}.key`, '-out', `${authority}.pem`, '-subj', '/CN=ca');
  }
  await openssl('req', ...key, '-keyout', 'server.key', '-out', 'server.csr', '-subj', '/CN=localhost');
  await openssl('x509', '-req', '-in', 'server.csr', '-CA', 'ca.pem', '-CAkey', 'ca.key', '-out', 'server.pem');
}

describe('a PostgreSQL with TLS and a Unix socket', () => {
  const folder = mkdtempSync(join(tmpdir(), 'pg-'));
  let servers: Servers;
  let address: URL;

  beforeAll(async () => {
    chmodSync(folder, 0o777);
    await makeCertificates(folder);
    const key = join(folder, 'server.key');
    chmodSync(key, 0o600);
    if (process.getuid?.() === 0) {
      const { stdout } = await run('id', ['-u', 'postgres']);
      chownSync(key, Number(stdout), -1);
    }
    servers = new Servers(mkdtempSync(join(tmpdir(), 'hivesync-tls-')), {
      fsync: 'off',
      ssl: 'on',
      ssl_cert_file: join(folder, 'server.pem'),
      ssl_key_file: key,
      unix_socket_directories: folder,
    });
    address = new URL(await servers.startPostgres());
  });

  afterAll(async () => {
    await servers.end();
    rmSync(folder, { recursive: true });
  });

  /** @returns the TLS version that the server sees; null if there is none */
  async function tlsOf(url: string): Promise<string | null> {
    const client = newClient(connectionOptions(url));
    client.on('error', () => undefined);
    try {
      await client.connect();
      const { rows } = await client.query<{ version: string | null }>(
        'SELECT version FROM pg_stat_ssl WHERE pid = pg_backend_pid()',
      );
      return rows[0]?.version ?? null;
    } finally {
      await client.end().catch(() => undefined);
    }
  }

  const at = (host: string, parameters: string) => {
    const url = new URL(address);
    url.hostname = host;
    return `${url.href}?${parameters}`;
  };
  const root = (name: string) => `sslrootcert=${join(folder, name)}`;

  test.each([
    ['disable', '127.0.0.1', '', null],
    ['allow', '127.0.0.1', '', 'TLSv1.3'],
    ['prefer', '127.0.0.1', '', 'TLSv1.3'],
    ['require', '127.0.0.1', '', 'TLSv1.3'],
    ['require', '127.0.0.1', 'ca.pem', 'TLSv1.3'],
    ['verify-ca', '127.0.0.1', 'ca.pem', 'TLSv1.3'],
    ['verify-full', 'localhost', 'ca.pem', 'TLSv1.3'],
  ])('sslmode=%s to %s with the root certificate "%s" connects: %s', async (mode, host, ca, version) => {
    expect(await tlsOf(at(host, `sslmode=${mode}${ca === '' ? '' : `&${root(ca)}`}`))).toBe(version);
  });

  test('without sslmode, TLS is used because the server has it', async () => {
    expect(await tlsOf(address.href)).toBe('TLSv1.3');
  });

  test.each([
    ['require', '127.0.0.1', 'other-ca.pem', /signature|certificate/],
    ['verify-ca', '127.0.0.1', 'other-ca.pem', /signature|certificate/],
    ['verify-full', 'localhost', 'other-ca.pem', /signature|certificate/],
    ['verify-full', '127.0.0.1', 'ca.pem', /does not match certificate's altnames|not in the cert/],
  ])('sslmode=%s to %s with the root certificate "%s" refuses the server', async (mode, host, ca, message) => {
    await expect(tlsOf(at(host, `sslmode=${mode}&${root(ca)}`))).rejects.toThrow(message);
  });

  test('sslmode=verify-ca without a root certificate, and one that is missing, are refused by name', () => {
    expect(() => connectionOptions(at('localhost', 'sslmode=verify-ca'), { PGUSER: 'me' })).toThrow('sslrootcert');
    expect(() => connectionOptions(at('localhost', 'sslmode=verify-full&sslrootcert=/nowhere.pem'))).toThrow(
      'a file that can be read as sslrootcert, unlike /nowhere.pem (ENOENT)',
    );
  });

  test('a root certificate that is replaced counts for the next connection', async () => {
    const replaced = join(folder, 'replaced.pem');
    copyFileSync(join(folder, 'other-ca.pem'), replaced);
    const db = openDatabase(at('localhost', `sslmode=verify-full&${root('replaced.pem')}`), 1);
    try {
      await expect(db.$queryRaw`SELECT 1 AS one`).rejects.toThrow(/signature|certificate/);
      copyFileSync(join(folder, 'ca.pem'), replaced);
      expect(await db.$queryRaw`SELECT 1 AS one`).toEqual([{ one: 1 }]);
    } finally {
      await db.$disconnect();
    }
  });

  test.each([
    ['a parameter', () => `postgresql://hive:${address.password}@/hive?host=${folder}&port=${address.port}`],
    [
      'the host, encoded',
      () => `postgresql://hive:${address.password}@${encodeURIComponent(folder)}:${address.port}/hive?sslmode=require`,
    ],
  ])('over the Unix socket in %s, commands migrate and work', async (form, makeUrl) => {
    const url = makeUrl();
    const env = { DATABASE_URL: url, HIVE_DATA_DIR: join(folder, 'data') };
    expect(await runHive(['migrate'], env)).toMatchObject({ status: 0, stderr: '' });
    const db = openDatabase(url, 1);
    try {
      await db.organization.upsert({ where: { name: 'default' }, create: { name: 'default' }, update: {} });
      const [socket] = await db.$queryRaw<unknown[]>`SELECT inet_server_addr()::text AS address`;
      expect(socket).toEqual({ address: null });
    } finally {
      await db.$disconnect();
    }
    if (form !== 'a parameter') return;
    expect(await runHive(['key', 'create', 'node'], env)).toMatchObject({ status: 0, stderr: '' });
    expect(await runHive(['token', 'list'], env)).toMatchObject({
      status: 0,
      stderr: expect.stringMatching(/^no tokens/),
    });
    expect(await runHive(['doctor'], env)).toMatchObject({
      status: 0,
      stdout: expect.stringContaining('0 attempts'),
    });
  });
});
