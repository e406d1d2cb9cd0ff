/** The node's environment variables. */
import { hostname } from 'node:os';
import { resolve } from 'node:path';
import { z } from 'zod';
import { NodeAgentError } from './errors.js';

const LOG_LEVELS = ['fatal', 'error', 'warn', 'info', 'debug', 'trace', 'silent'] as const;
export type LogLevel = (typeof LOG_LEVELS)[number];

export interface NodeConfig {
  /** The socket's full address, path included. */
  hiveUrl: string;
  /** Only `connect` and `prune` need one. */
  apiKey: string | undefined;
  /** Absolute path of the directory of the node's store. */
  dataDir: string;
  name: string;
  logLevel: LogLevel;
}

const SOCKET_PATH = '/v1/nodes/ws';
const SCHEMES: Record<string, string> = { 'ws:': 'ws:', 'wss:': 'wss:', 'http:': 'ws:', 'https:': 'wss:' };

/**
 * Reads and checks the environment; an empty variable counts as unset.
 * @throws NodeAgentError `config` with one line: the variable, what is wrong, what is allowed
 */
export function readConfig(env: NodeJS.ProcessEnv = process.env): NodeConfig {
  const value = (name: string): string | undefined => (env[name] === '' ? undefined : env[name]);
  return {
    hiveUrl: socketUrl(value('HIVE_URL') ?? 'ws://127.0.0.1:3000'),
    apiKey: check('NODE_API_KEY', z.string().max(256), value('NODE_API_KEY'), 'at most 256 characters'),
    dataDir: resolve(value('NODE_DATA_DIR') ?? '.node-agent'),
    name: check('NODE_NAME', z.string().max(256), value('NODE_NAME'), 'at most 256 characters') ?? hostname(),
    logLevel: check('LOG_LEVEL', z.enum(LOG_LEVELS), value('LOG_LEVEL'), `one of ${LOG_LEVELS.join(', ')}`) ?? 'info',
  };
}

function check<T>(name: string, schema: z.ZodType<T>, value: string | undefined, allowed: string): T | undefined {
  if (value === undefined) return undefined;
  const result = schema.safeParse(value);
  if (result.success) return result.data;
  // the key itself must not reach a log
  const shown = name === 'NODE_API_KEY' || value.length > 100 ? 'its value' : JSON.stringify(value);
  throw new NodeAgentError('config', `${name}: ${shown} is not allowed; allowed: ${allowed}`);
}

function socketUrl(value: string): string {
  const allowed = 'a URL that starts with ws://, wss://, http:// or https://, e.g. wss://hive.example.com';
  if (!URL.canParse(value)) throw new NodeAgentError('config', `HIVE_URL: is not a URL; allowed: ${allowed}`);
  const url = new URL(value);
  const scheme = SCHEMES[url.protocol];
  if (scheme === undefined || url.hostname === '') {
    throw new NodeAgentError('config', `HIVE_URL: the scheme "${url.protocol}" is not allowed; allowed: ${allowed}`);
  }
  if (url.username !== '' || url.password !== '' || url.search !== '' || url.hash !== '') {
    throw new NodeAgentError('config', `HIVE_URL: has credentials, a query or a fragment; allowed: ${allowed}`);
  }
  const path = url.pathname.replace(/\/+$/, '');
  return `${scheme}//${url.host}${path.endsWith(SOCKET_PATH) ? path : path + SOCKET_PATH}`;
}
