import { expect, test } from '@jest/globals';
import { writeFileSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { ConfigError, readConfig } from './config.js';

function refusal(env: Record<string, string>): string {
  try {
    readConfig(env);
  } catch (error) {
    if (error instanceof ConfigError) return error.message;
    throw error;
  }
  return 'accepted';
}

test('without any variable, everything has its default and is embedded', () => {
  expect(readConfig({})).toEqual({
    dataDir: resolve('.hive'),
    corsOrigins: [],
    trustedProxies: 0,
    hstsSeconds: 0,
    allowsPrivateWebhooks: false,
    shutdownDelaySeconds: 0,
    host: '127.0.0.1',
    port: 3000,
    instanceId: expect.stringMatching(new RegExp(`-${process.pid}$`)),
    logLevel: 'info',
    reconcileIntervalSeconds: 60,
    backfillConcurrency: 10,
    backfillTimeoutMinutes: 5,
    nodeTimeoutSeconds: 90,
    temporal: { kind: 'embedded', namespace: 'default' },
  });
});

test.each([
  'DATABASE_URL',
  'HIVE_DATA_DIR',
  'HIVE_INSTALLATION',
  'TEMPORAL_ADDRESS',
  'TEMPORAL_NAMESPACE',
  'TEMPORAL_PROFILE',
  'TEMPORAL_CONFIG_FILE',
])('an empty %s is refused, because the hive would quietly use other servers or data', (name) => {
  const others = { DATABASE_URL: 'postgresql://me:secret@db/hive', TEMPORAL_ADDRESS: 'temporal:7233' };
  expect(refusal({ ...others, [name]: ' ' })).toBe(`${name} is ""; allowed: a value; unset it for the default`);
});

test('any other empty value counts as unset', () => {
  expect(readConfig({ HIVE_PORT: ' ', LOG_LEVEL: '', HIVE_TEMPORAL_UI_URL: '' })).toMatchObject({
    port: 3000,
    logLevel: 'info',
    temporal: { kind: 'embedded' },
  });
});

test('given values are taken', () => {
  const config = readConfig({
    DATABASE_URL: 'postgresql://me:secret@db:5432/hive',
    HIVE_PORT: '0',
    HIVE_BACKFILL_TIMEOUT_MINUTES: '0.05',
    HIVE_TEMPORAL_PORT: '7233',
    HIVE_POSTGRES_PORT: '5433',
  });
  expect(config).toMatchObject({
    databaseUrl: 'postgresql://me:secret@db:5432/hive',
    port: 0,
    backfillTimeoutMinutes: 0.05,
    postgresPort: 5433,
    temporal: { kind: 'embedded', port: 7233 },
  });
});

test('an OpenID Connect issuer is taken with its audience, and with the names of its claims', () => {
  const issuer = { HIVE_OIDC_ISSUER: 'https://issuer.example/', HIVE_OIDC_AUDIENCE: 'hive' };
  expect(readConfig(issuer).oidc).toEqual({
    issuer: 'https://issuer.example/',
    audience: 'hive',
    organizationClaim: 'organization',
    roleClaim: 'role',
  });
  const claims = { HIVE_OIDC_ORGANIZATION_CLAIM: 'org', HIVE_OIDC_ROLE_CLAIM: 'realm_access.roles' };
  expect(readConfig({ ...issuer, ...claims }).oidc).toMatchObject({
    organizationClaim: 'org',
    roleClaim: 'realm_access.roles',
  });
});

test('people sign in to the console at the issuer if the hive is a client there; its secret may be in a file', () => {
  const issuer = { HIVE_OIDC_ISSUER: 'https://issuer.example/', HIVE_OIDC_AUDIENCE: 'hive' };
  const client = { ...issuer, HIVE_OIDC_CLIENT_ID: 'console' };
  expect(readConfig(issuer)).not.toHaveProperty('oidcClient');
  expect(readConfig(client).oidcClient).toEqual({ clientId: 'console', scope: 'openid' });
  expect(
    readConfig({ ...client, HIVE_OIDC_CLIENT_SECRET: 'sesame', HIVE_OIDC_SCOPE: 'openid groups' }).oidcClient,
  ).toEqual({ clientId: 'console', clientSecret: 'sesame', scope: 'openid groups' });
  const folder = mkdtempSync(join(tmpdir(), 'hive-config-'));
  const file = join(folder, 'secret');
  try {
    writeFileSync(file, 'from a file\n');
    expect(readConfig({ ...client, HIVE_OIDC_CLIENT_SECRET_FILE: file }).oidcClient).toMatchObject({
      clientSecret: 'from a file',
    });
    writeFileSync(file, ' \n');
    expect(refusal({ ...client, HIVE_OIDC_CLIENT_SECRET_FILE: file })).toContain('allowed: a file that is not empty');
    const both = { HIVE_OIDC_CLIENT_SECRET: 'sesame', HIVE_OIDC_CLIENT_SECRET_FILE: file };
    expect(refusal({ ...client, ...both })).toBe(
      'HIVE_OIDC_CLIENT_SECRET has an invalid value; allowed: either this or HIVE_OIDC_CLIENT_SECRET_FILE',
    );
  } finally {
    rmSync(folder, { recursive: true });
  }
  expect(refusal({ ...client, HIVE_OIDC_CLIENT_SECRET_FILE: '/nowhere' })).toBe(
    'HIVE_OIDC_CLIENT_SECRET_FILE is "/nowhere"; allowed: a file that can be read (ENOENT)',
  );
  expect(refusal({ ...issuer, HIVE_OIDC_CLIENT_SECRET: 'sesame' })).toBe(
    'HIVE_OIDC_CLIENT_SECRET has an invalid value; allowed: only together with HIVE_OIDC_CLIENT_ID',
  );
});

test("a Temporal address takes Temporal's own variables with it", () => {
  const { temporal } = readConfig({
    TEMPORAL_ADDRESS: 'temporal.example:7233',
    TEMPORAL_NAMESPACE: 'hives',
    TEMPORAL_API_KEY: 'key',
    TEMPORAL_CONFIG_FILE: '/nowhere.toml',
    HIVE_TEMPORAL_UI_URL: 'https://ui.example/',
  });
  expect(temporal).toMatchObject({
    kind: 'external',
    namespace: 'hives',
    uiUrl: 'https://ui.example',
    connectionOptions: { address: 'temporal.example:7233', apiKey: 'key', tls: true },
  });
});

test.each([
  ['HIVE_PORT', 'abc', 'HIVE_PORT is "abc"; allowed: a whole number from 0 (any free port) to 65535'],
  ['HIVE_PORT', '65536', 'HIVE_PORT is "65536"; allowed: a whole number from 0 (any free port) to 65535'],
  ['HIVE_PORT', '-1', 'HIVE_PORT is "-1"; allowed: a whole number from 0 (any free port) to 65535'],
  ['HIVE_HOST', 'http://x', 'HIVE_HOST is "http://x"; allowed: a host name or an IP address, without scheme or port'],
  [
    'HIVE_INSTANCE_ID',
    'a b',
    'HIVE_INSTANCE_ID is "a b"; allowed: 1 to 100 letters, digits, dots, dashes and underscores',
  ],
  ['LOG_LEVEL', 'loud', 'LOG_LEVEL is "loud"; allowed: one of trace, debug, info, warn, error, fatal, silent'],
  [
    'HIVE_RECONCILE_INTERVAL_SECONDS',
    '0',
    'HIVE_RECONCILE_INTERVAL_SECONDS is "0"; allowed: a whole number of seconds from 1 to 86400',
  ],
  ['HIVE_BACKFILL_CONCURRENCY', '1.5', 'HIVE_BACKFILL_CONCURRENCY is "1.5"; allowed: a whole number from 1 to 1000'],
  [
    'HIVE_BACKFILL_TIMEOUT_MINUTES',
    '0',
    'HIVE_BACKFILL_TIMEOUT_MINUTES is "0"; allowed: a number of minutes above 0, up to 1440, also a fraction such as 0.5',
  ],
  [
    'HIVE_NODE_TIMEOUT_SECONDS',
    '1e3',
    'HIVE_NODE_TIMEOUT_SECONDS is "1e3"; allowed: a whole number of seconds from 1 to 86400',
  ],
  ['HIVE_TEMPORAL_UI_URL', 'ftp://x', 'HIVE_TEMPORAL_UI_URL is "ftp://x"; allowed: an http:// or https:// URL'],
  ['HIVE_TEMPORAL_PORT', '0', 'HIVE_TEMPORAL_PORT is "0"; allowed: a whole number from 1 to 65535'],
  ['HIVE_TEMPORAL_UI_PORT', 'x', 'HIVE_TEMPORAL_UI_PORT is "x"; allowed: a whole number from 1 to 65535'],
  ['HIVE_POSTGRES_PORT', '70000', 'HIVE_POSTGRES_PORT is "70000"; allowed: a whole number from 1 to 65535'],
  ['HIVE_INSTALLATION', 'a_b', 'HIVE_INSTALLATION is "a_b"; allowed: 1 to 32 letters, digits and dashes'],
  ['TEMPORAL_ADDRESS', 'nowhere', 'TEMPORAL_ADDRESS is "nowhere"; allowed: HOST:PORT'],
  [
    'TEMPORAL_API_KEY',
    'sesame',
    'TEMPORAL_API_KEY has an invalid value; allowed: only together with TEMPORAL_ADDRESS (HOST:PORT)',
  ],
  [
    'HIVE_OIDC_ISSUER',
    'http://issuer.example',
    'HIVE_OIDC_ISSUER is "http://issuer.example"; allowed: an https:// URL, or an http:// URL on this machine',
  ],
  [
    'HIVE_OIDC_ISSUER',
    'https://issuer.example',
    'HIVE_OIDC_AUDIENCE is ""; allowed: the value of `aud` in the issuer\'s tokens',
  ],
  ['HIVE_OIDC_CLIENT_ID', 'hive', 'HIVE_OIDC_CLIENT_ID is "hive"; allowed: only together with HIVE_OIDC_ISSUER'],
  ['HIVE_OIDC_SCOPE', 'groups', 'HIVE_OIDC_SCOPE is "groups"; allowed: names separated by spaces, openid among them'],
  ['HIVE_OIDC_AUDIENCE', 'hive', 'HIVE_OIDC_AUDIENCE is "hive"; allowed: only together with HIVE_OIDC_ISSUER'],
  [
    'DATABASE_URL',
    'mysql://me:sesame@db/hive',
    'DATABASE_URL has an invalid value; allowed: postgresql://USER:PASSWORD@HOST:PORT/DATABASE',
  ],
  [
    'DATABASE_URL',
    'postgresql://me:sesame@db',
    'DATABASE_URL has an invalid value; allowed: postgresql://USER:PASSWORD@HOST:PORT/DATABASE',
  ],
  [
    'DATABASE_URL',
    'postgresql://me:sesame@db/hive?sslmode=verify',
    'DATABASE_URL has an invalid value; allowed: as sslmode, one of disable, allow, prefer, require, verify-ca, verify-full',
  ],
  [
    'DATABASE_URL',
    'postgresql://me:sesame@db/hive?sslmode=verify-full&sslrootcert=/nowhere/ca.pem',
    'DATABASE_URL has an invalid value; allowed: a file that can be read as sslrootcert, unlike /nowhere/ca.pem (ENOENT)',
  ],
  [
    'DATABASE_URL',
    'postgresql://me:sesame@db/hive?sslmod=require',
    'DATABASE_URL has an invalid value; allowed: postgresql://USER:PASSWORD@HOST:PORT/DATABASE, without the unknown parameter "sslmod"',
  ],
  [
    'DATABASE_URL',
    'postgresql://me:sesame@one,two/hive',
    'DATABASE_URL has an invalid value; allowed: one host, not several',
  ],
  [
    'DIRECT_DATABASE_URL',
    'postgresql://me:sesame@db/hive',
    'DIRECT_DATABASE_URL has an invalid value; allowed: only together with DATABASE_URL',
  ],
])('%s=%s is refused in one line', (name, value, message) => {
  expect(refusal({ [name]: value })).toBe(message);
  expect(message).not.toMatch(/sesame|\n/);
});

test("Kubernetes' links to services that are named as a variable are ignored, with a warning for each", () => {
  const link = 'tcp://10.0.0.1:3000';
  const config = readConfig({ HIVE_PORT: link, HIVE_TEMPORAL_PORT: link, HIVE_POSTGRES_PORT: '5433' });
  expect(config).toMatchObject({ port: 3000, postgresPort: 5433, temporal: { kind: 'embedded' } });
  expect(config.temporal).not.toHaveProperty('port');
  expect(config.warnings).toEqual([
    `HIVE_PORT is ignored: ${link} is Kubernetes' link to a service of that name`,
    `HIVE_TEMPORAL_PORT is ignored: ${link} is Kubernetes' link to a service of that name`,
  ]);
});

test('the direct URL of the database has the same schema as the other, or none', () => {
  const direct = (parameters: string) => ({
    DATABASE_URL: 'postgresql://me:secret@pooler/hive?schema=mine',
    DIRECT_DATABASE_URL: `postgresql://me:secret@db/hive${parameters}`,
  });
  expect(readConfig(direct('')).directDatabaseUrl).toBe('postgresql://me:secret@db/hive');
  expect(readConfig(direct('?schema=mine')).directDatabaseUrl).toBe('postgresql://me:secret@db/hive?schema=mine');
  expect(refusal(direct('?schema=other'))).toBe(
    'DIRECT_DATABASE_URL has an invalid value; allowed: the schema that DATABASE_URL has, or none',
  );
});

test('a damaged Temporal configuration file is refused without quoting it, and so is a missing profile', () => {
  const folder = mkdtempSync(join(tmpdir(), 'hivesync-config-'));
  try {
    const file = join(folder, 'temporal.toml');
    writeFileSync(file, '[profile.default]\napi_key = "sesame\n');
    const damaged = refusal({ TEMPORAL_CONFIG_FILE: file });
    expect(damaged).toBe(
      `TEMPORAL_CONFIG_FILE is ${JSON.stringify(file.slice(0, 80))}; allowed: a file in Temporal's TOML format`,
    );
    writeFileSync(file, '[profile.default]\naddress = "db:7233"\n');
    expect(refusal({ TEMPORAL_CONFIG_FILE: file, TEMPORAL_PROFILE: 'prod' })).toBe(
      'TEMPORAL_PROFILE is "prod"; allowed: a profile in the configuration file',
    );
    expect(refusal({ TEMPORAL_CONFIG_FILE: file })).toBe('accepted');
  } finally {
    rmSync(folder, { recursive: true });
  }
});
