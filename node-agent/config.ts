/** How the node is configured: by the environment, and by what `join` has stored. */
import { existsSync } from 'node:fs';
import { hostname } from 'node:os';
import { isAbsolute, join, resolve } from 'node:path';
import { homeDirectory, readStoredConfig, type StoredConfig } from './config-file.js';
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
  /** One sentence for each variable that is ignored, probably because it is meant for another program. */
  warnings: string[];
}

const SOCKET_PATH = '/v1/nodes/ws';
const DEFAULT_URL = 'ws://127.0.0.1:3000';
const SCHEMES: Record<string, string> = { 'ws:': 'ws:', 'wss:': 'wss:', 'http:': 'ws:', 'https:': 'wss:' };
const MAX_TEXT = 256;
/** What a header and the hive's own limit allow. */
export const NODE_KEY = /^[\x21-\x7e]{1,256}$/;

/**
 * Reads and checks the environment, and what `join` has stored; an empty variable counts as unset. The environment wins,
 * but a stored key is only ever used with the stored address: HIVE_URL may be another program's.
 * @throws NodeAgentError `config` with one line: what is wrong, and what is allowed
 */
export function readConfig(env: NodeJS.ProcessEnv = process.env): NodeConfig {
  const stored = readStoredConfig(env);
  const warnings: string[] = [];
  return {
    ...chooseHive(stored, env, warnings),
    dataDir: dataDirectory(env),
    name: nodeName(stored, env),
    logLevel: logLevel(valueOf(env, 'LOG_LEVEL'), warnings),
    warnings,
  };
}

/** @returns the node's name in the hive @throws NodeAgentError `config` */
export function nodeName(stored: StoredConfig, env: NodeJS.ProcessEnv = process.env): string {
  return shortText('NODE_NAME', valueOf(env, 'NODE_NAME')) ?? stored.name ?? hostname();
}

function valueOf(env: NodeJS.ProcessEnv, name: string): string | undefined {
  return env[name] === '' ? undefined : env[name];
}

function chooseHive(
  { hive_url: storedUrl, api_key: storedKey }: StoredConfig,
  env: NodeJS.ProcessEnv,
  warnings: string[],
): Pick<NodeConfig, 'hiveUrl' | 'apiKey'> {
  const [url, key] = [valueOf(env, 'HIVE_URL'), shortText('NODE_API_KEY', valueOf(env, 'NODE_API_KEY'))];
  if (storedUrl === undefined || storedKey === undefined || key !== undefined) {
    return { hiveUrl: socketUrl(url ?? storedUrl ?? DEFAULT_URL), apiKey: key };
  }
  const hiveUrl = socketUrl(storedUrl);
  if (url !== undefined && !isAddressOf(url, hiveUrl)) {
    warnings.push(
      `HIVE_URL is ignored: it does not name the hive that this node has joined, ${storedUrl}; ` +
        'to connect to another hive, join it, or set NODE_API_KEY too',
    );
  }
  return { hiveUrl, apiKey: storedKey };
}

function isAddressOf(url: string, hiveUrl: string): boolean {
  try {
    return socketUrl(url) === hiveUrl;
  } catch (error) {
    if (error instanceof NodeAgentError) return false;
    throw error;
  }
}

/** Where earlier versions kept the store, in the working directory. */
const FORMER_DATA_DIR = '.node-agent';

/**
 * The directory of the node's store: NODE_DATA_DIR, otherwise the one that `join` has stored, otherwise `hivesync` in the
 * user's data directory. A store that an earlier version made in the working directory goes on being used, so that
 * nothing recorded there is lost.
 * @param say told, in one sentence, that such a store is used
 * @returns an absolute path
 * @throws NodeAgentError `config` if the user has no home directory, or the stored configuration cannot be used
 */
export function dataDirectory(env: NodeJS.ProcessEnv = process.env, say?: (sentence: string) => void): string {
  const given = env['NODE_DATA_DIR'];
  if (given !== undefined && given !== '') return resolve(given);
  const stored = readStoredConfig(env).data_dir;
  if (stored !== undefined) return stored;
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

function shortText(name: string, value: string | undefined): string | undefined {
  if (value === undefined || value.length <= MAX_TEXT) return value;
  throw new NodeAgentError('config', `${name}: its value is too long; allowed: at most ${MAX_TEXT} characters`);
}

/** Many programs read LOG_LEVEL, each with levels of its own, so a wrong one stops nothing. */
function logLevel(value: string | undefined, warnings: string[]): LogLevel {
  if (value === undefined) return 'info';
  const lower = value.toLowerCase();
  const level = LOG_LEVELS.find((known) => known === lower || (known === 'warn' && lower === 'warning'));
  if (level !== undefined) return level;
  warnings.push(`LOG_LEVEL is ignored: ${shown(value)} is not one of ${LOG_LEVELS.join(', ')}`);
  return 'info';
}

function shown(value: string): string {
  return value.length > 100 ? 'its value' : JSON.stringify(value);
}

/**
 * @returns the address of the socket of the hive at this address
 * @param where what gives the address, for the error
 * @throws NodeAgentError `config`
 */
export function socketUrl(value: string, where = 'HIVE_URL'): string {
  const allowed = 'a URL that starts with ws://, wss://, http:// or https://, e.g. wss://hive.example.com';
  if (!URL.canParse(value)) throw new NodeAgentError('config', `${where}: is not a URL; allowed: ${allowed}`);
  const url = new URL(value);
  const scheme = SCHEMES[url.protocol];
  if (scheme === undefined || url.hostname === '') {
    throw new NodeAgentError('config', `${where}: the scheme "${url.protocol}" is not allowed; allowed: ${allowed}`);
  }
  if (url.username !== '' || url.password !== '' || url.search !== '' || url.hash !== '') {
    throw new NodeAgentError('config', `${where}: has credentials, a query or a fragment; allowed: ${allowed}`);
  }
  const path = url.pathname.replace(/\/+$/, '');
  return `${scheme}//${url.host}${path.endsWith(SOCKET_PATH) ? path : path + SOCKET_PATH}`;
}
