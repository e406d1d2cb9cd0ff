/** The node's environment variables. */
import { existsSync } from 'node:fs';
import { homedir, hostname } from 'node:os';
import { isAbsolute, join, resolve } from 'node:path';
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
    dataDir: dataDirectory(env),
    name: check('NODE_NAME', z.string().max(256), value('NODE_NAME'), 'at most 256 characters') ?? hostname(),
    logLevel: check('LOG_LEVEL', z.enum(LOG_LEVELS), value('LOG_LEVEL'), `one of ${LOG_LEVELS.join(', ')}`) ?? 'info',
  };
}

/** Where earlier versions kept the store, in the working directory. */
const FORMER_DATA_DIR = '.node-agent';

/**
 * The directory of the node's store: NODE_DATA_DIR, otherwise `hivesync` in the user's data directory. A store that an
 * earlier version made in the working directory goes on being used, so that nothing recorded there is lost.
 * @param say told, in one sentence, that such a store is used
 * @returns an absolute path
 * @throws NodeAgentError `config` if the user has no home directory
 */
export function dataDirectory(env: NodeJS.ProcessEnv = process.env, say?: (sentence: string) => void): string {
  const given = env['NODE_DATA_DIR'];
  if (given !== undefined && given !== '') return resolve(given);
  const former = resolve(FORMER_DATA_DIR);
  if (existsSync(join(former, 'node.db'))) {
    say?.(`using the store in ${former}, which an earlier version made; NODE_DATA_DIR names another one`);
    return former;
  }
  return join(userDataDirectory(env), 'hivesync');
}

function userDataDirectory({ XDG_DATA_HOME: given }: NodeJS.ProcessEnv): string {
  if (given !== undefined && isAbsolute(given)) return given; // the specification says to ignore a relative one
  const home = homeDirectory();
  if (home !== undefined) return join(home, '.local', 'share');
  throw new NodeAgentError(
    'config',
    'NODE_DATA_DIR: is not set, and this user has no home directory; allowed: a directory for the store',
  );
}

function homeDirectory(): string | undefined {
  try {
    const home = homedir();
    return isAbsolute(home) ? home : undefined;
  } catch {
    return undefined; // a user without an entry in the system's list of users
  }
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
