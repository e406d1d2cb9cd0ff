import { hostname } from 'node:os';
import { resolve } from 'node:path';
import { z } from 'zod';
import { connectionOptions } from '../prisma/connection.js';
import { ConnectionUrlError, parseConnectionUrl } from '../prisma/connection-url.js';
import { readTemporalConfig, type TemporalConfig } from './temporal-config.js';
import { ConfigError } from './config-error.js';
import { oidcEnvironment, readOidc, type OidcConfig } from './oidc-config.js';

export { ConfigError } from './config-error.js';
export type { TemporalConfig } from './temporal-config.js';

export const LOG_LEVELS = ['trace', 'debug', 'info', 'warn', 'error', 'fatal', 'silent'] as const;

/** The hive's configuration, from its environment. Names of times end with their unit. */
export interface HiveConfig extends OidcConfig {
  /** The PostgreSQL to use; if absent, an embedded one in `dataDir`. Contains a password: never log it. */
  readonly databaseUrl?: string;
  /** The same database for its migrations: past a pooler, or as a role that may change tables. Contains a password. */
  readonly directDatabaseUrl?: string;
  /** An absolute path. */
  readonly dataDir: string;
  readonly host: string;
  /** 0 means any free port. */
  readonly port: number;
  readonly instanceId: string;
  /** The installation's name in Temporal; if absent, the one that its database has. */
  readonly installation?: string;
  readonly logLevel: (typeof LOG_LEVELS)[number];
  readonly reconcileIntervalSeconds: number;
  /** The maximum number of backfills of one node at the same time. */
  readonly backfillConcurrency: number;
  /** Can be a fraction. */
  readonly backfillTimeoutMinutes: number;
  readonly nodeTimeoutSeconds: number;
  /** How long a hive that is told to stop goes on, so that load balancers notice from /readyz. */
  readonly shutdownDelaySeconds: number;
  readonly temporal: TemporalConfig;
  /** Where clients reach the API; appears in the API's description. */
  readonly publicUrl?: string;
  /** Origins whose scripts may call the API from a browser. */
  readonly corsOrigins: string[];
  /** The number of proxies whose X-Forwarded-For is trusted. */
  readonly trustedProxies: number;
  /** How long browsers are told to use https only; 0: they are not told. */
  readonly hstsSeconds: number;
  /** Whether webhooks may be in the hive's own network. */
  readonly allowsPrivateWebhooks: boolean;
  /** Port of the embedded PostgreSQL; if absent, the port of the last start if it is free, otherwise any. */
  readonly postgresPort?: number;
  /** What is odd in the environment, one sentence each, without secrets; if absent, nothing. */
  readonly warnings?: string[];
}

const number = (allowed: string, pattern: RegExp, min: number, max: number) =>
  z
    .string()
    .refine((text) => pattern.test(text) && Number(text) >= min && Number(text) <= max, { error: allowed })
    .transform(Number);
const whole = (min: number, max: number, unit = '') =>
  number(`a whole number${unit} from ${min} to ${max}`, /^\d{1,9}$/, min, max);
const port = whole(1, 65535).optional();

const databaseUrl = z
  .string()
  .superRefine((url, context) => {
    const message = whyUnusable(url);
    if (message !== undefined) context.addIssue({ code: 'custom', message });
  })
  .optional();

const environment = z.object({
  DATABASE_URL: databaseUrl,
  DIRECT_DATABASE_URL: databaseUrl,
  HIVE_DATA_DIR: z.string().default('.hive'),
  HIVE_HOST: z
    .string()
    .regex(/^[A-Za-z0-9.:_-]+$/, { error: 'a host name or an IP address, without scheme or port' })
    .default('127.0.0.1'),
  HIVE_PORT: number('a whole number from 0 (any free port) to 65535', /^\d{1,5}$/, 0, 65535).default(3000),
  HIVE_INSTANCE_ID: z
    .string()
    .regex(/^[A-Za-z0-9._-]{1,100}$/, { error: '1 to 100 letters, digits, dots, dashes and underscores' })
    .optional(),
  HIVE_INSTALLATION: z
    .string()
    .regex(/^[A-Za-z0-9-]{1,32}$/, { error: '1 to 32 letters, digits and dashes' })
    .optional(),
  LOG_LEVEL: z.enum(LOG_LEVELS, { error: `one of ${LOG_LEVELS.join(', ')}` }).default('info'),
  HIVE_RECONCILE_INTERVAL_SECONDS: whole(1, 86_400, ' of seconds').default(60),
  HIVE_BACKFILL_CONCURRENCY: whole(1, 1000).default(10),
  HIVE_BACKFILL_TIMEOUT_MINUTES: number(
    'a number of minutes above 0, up to 1440, also a fraction such as 0.5',
    /^\d{0,4}(\.\d{1,6})?$/,
    Number.MIN_VALUE,
    1440,
  ).default(5),
  HIVE_NODE_TIMEOUT_SECONDS: whole(1, 86_400, ' of seconds').default(90),
  HIVE_SHUTDOWN_DELAY_SECONDS: whole(0, 3600, ' of seconds').default(0),
  HIVE_TEMPORAL_UI_URL: z.string().refine(isWebUrl, { error: 'an http:// or https:// URL' }).optional(),
  HIVE_TEMPORAL_PORT: port,
  HIVE_TEMPORAL_UI_PORT: port,
  HIVE_POSTGRES_PORT: port,
  HIVE_PUBLIC_URL: z.string().refine(isWebUrl, { error: 'an http:// or https:// URL' }).optional(),
  HIVE_CORS_ORIGINS: z
    .string()
    .refine((text) => origins(text).every(isWebUrl), {
      error: 'origins such as https://app.example.com, separated by commas',
    })
    .default(''),
  HIVE_TRUSTED_PROXIES: whole(0, 10).default(0),
  HIVE_HSTS_SECONDS: whole(0, 999_999_999, ' of seconds').default(0),
  HIVE_WEBHOOK_ALLOW_PRIVATE: z.enum(['true', 'false'], { error: 'true or false' }).default('false'),
  ...oidcEnvironment,
});

const SECRET = new Set(['DATABASE_URL', 'DIRECT_DATABASE_URL', 'HIVE_OIDC_CLIENT_SECRET']);

/** Kubernetes describes a service named `hive` or `hive-…` so to the pods beside it. */
const SERVICE_LINK = /^(tcp|udp|sctp):\/\//;
const OWN_PORT = /^HIVE_(\w+_)?PORT$/;

/**
 * They say which servers and data the hive uses. One that is set to nothing is a mistake, often in what should have
 * filled it in: without it, the hive would start on other data, and quietly.
 */
const NEVER_BLANK = [
  'DATABASE_URL',
  'DIRECT_DATABASE_URL',
  'HIVE_DATA_DIR',
  'HIVE_INSTALLATION',
  'TEMPORAL_ADDRESS',
  'TEMPORAL_NAMESPACE',
  'TEMPORAL_PROFILE',
  'TEMPORAL_CONFIG_FILE',
];

/**
 * Reads the hive's configuration. An empty variable counts as unset, unless it says which servers or data to use.
 * @throws {ConfigError}
 */
export function readConfig(env: Readonly<Record<string, string | undefined>> = process.env): HiveConfig {
  const blank = NEVER_BLANK.find((name) => env[name]?.trim() === '');
  if (blank !== undefined) throw new ConfigError(blank, '', 'a value; unset it for the default');
  const given = Object.entries(env).flatMap(([name, value]) => (value?.trim() ? [[name, value.trim()] as const] : []));
  const isServiceLink = ([name, value]: readonly [string, string]) => OWN_PORT.test(name) && SERVICE_LINK.test(value);
  const warnings = given
    .filter(isServiceLink)
    .map(([name, value]) => `${name} is ignored: ${value.slice(0, 80)} is Kubernetes' link to a service of that name`);
  const set = Object.fromEntries(given.filter((variable) => !isServiceLink(variable)));
  const parsed = environment.safeParse(set);
  if (!parsed.success) {
    const issue = parsed.error.issues[0];
    const name = String(issue?.path[0]);
    throw new ConfigError(name, SECRET.has(name) ? undefined : set[name], issue?.message ?? 'another value');
  }
  const values = parsed.data;
  requireSameSchema(values);
  return {
    ...(values.DATABASE_URL !== undefined && { databaseUrl: values.DATABASE_URL }),
    ...(values.DIRECT_DATABASE_URL !== undefined && { directDatabaseUrl: values.DIRECT_DATABASE_URL }),
    dataDir: resolve(values.HIVE_DATA_DIR),
    host: values.HIVE_HOST,
    port: values.HIVE_PORT,
    instanceId: values.HIVE_INSTANCE_ID ?? `${hostname()}-${process.pid}`,
    ...(values.HIVE_INSTALLATION !== undefined && { installation: values.HIVE_INSTALLATION }),
    logLevel: values.LOG_LEVEL,
    reconcileIntervalSeconds: values.HIVE_RECONCILE_INTERVAL_SECONDS,
    backfillConcurrency: values.HIVE_BACKFILL_CONCURRENCY,
    backfillTimeoutMinutes: values.HIVE_BACKFILL_TIMEOUT_MINUTES,
    nodeTimeoutSeconds: values.HIVE_NODE_TIMEOUT_SECONDS,
    shutdownDelaySeconds: values.HIVE_SHUTDOWN_DELAY_SECONDS,
    temporal: readTemporalConfig(set, {
      uiUrl: values.HIVE_TEMPORAL_UI_URL?.replace(/\/+$/, ''),
      port: values.HIVE_TEMPORAL_PORT,
      uiPort: values.HIVE_TEMPORAL_UI_PORT,
    }),
    ...readOidc(values),
    ...(values.HIVE_PUBLIC_URL !== undefined && { publicUrl: values.HIVE_PUBLIC_URL.replace(/\/+$/, '') }),
    corsOrigins: origins(values.HIVE_CORS_ORIGINS),
    trustedProxies: values.HIVE_TRUSTED_PROXIES,
    hstsSeconds: values.HIVE_HSTS_SECONDS,
    allowsPrivateWebhooks: values.HIVE_WEBHOOK_ALLOW_PRIVATE === 'true',
    ...(values.HIVE_POSTGRES_PORT !== undefined && { postgresPort: values.HIVE_POSTGRES_PORT }),
    ...(warnings.length > 0 && { warnings }),
  };
}

function requireSameSchema({ DATABASE_URL: url, DIRECT_DATABASE_URL: direct }: z.infer<typeof environment>): void {
  if (direct === undefined) return;
  if (url === undefined) throw new ConfigError('DIRECT_DATABASE_URL', undefined, 'only together with DATABASE_URL');
  const { schema } = parseConnectionUrl(direct);
  if (schema === undefined || schema === parseConnectionUrl(url).schema) return;
  throw new ConfigError('DIRECT_DATABASE_URL', undefined, 'the schema that DATABASE_URL has, or none');
}

/** @returns what is allowed instead; undefined if connections can be made to the URL */
function whyUnusable(url: string): string | undefined {
  try {
    connectionOptions(url);
    return undefined;
  } catch (error) {
    if (error instanceof ConnectionUrlError) return error.message;
    throw error;
  }
}

function isWebUrl(text: string): boolean {
  return URL.canParse(text) && ['http:', 'https:'].includes(new URL(text).protocol);
}

function origins(text: string): string[] {
  return text
    .split(',')
    .map((origin) => origin.trim().replace(/\/+$/, ''))
    .filter((origin) => origin !== '');
}
