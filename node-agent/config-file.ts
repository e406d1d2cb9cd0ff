/**
 * The agent's own configuration, made by `join`: a JSON file that only its user can read. What a recorded command gets
 * from its parent, its environment, has nothing of it. `run` reads it too, so it is read without a schema library.
 */
import { randomUUID } from 'node:crypto';
import {
  chmodSync,
  closeSync,
  fsyncSync,
  openSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  writeSync,
} from 'node:fs';
import { homedir } from 'node:os';
import { dirname, isAbsolute, join, resolve } from 'node:path';
import { messageOf, NodeAgentError } from './errors.js';
import { ensureDirectory } from './store/private-file.js';

/** Members that nobody here knows are kept when the file is written again. */
export interface StoredConfig {
  /** Address of the hive, as it was given to `join`. */
  hive_url?: string;
  /** The node's key. It is sent to `hive_url` only. */
  api_key?: string;
  /** Name of the node in the hive. */
  name?: string;
  /** Absolute path of the directory of the node's store. */
  data_dir?: string;
  /** What is masked, and what is pruned: read by those who do it. */
  mask?: unknown;
  prune?: unknown;
}

const TEXTS = ['hive_url', 'api_key', 'name', 'data_dir'] as const;
/** A shorter value is no credential: looking for it everywhere would hit other text. */
const SHORTEST_SECRET = 8;

/**
 * @returns absolute path of the configuration: NODE_AGENT_CONFIG, otherwise `hivesync/node-agent.json` in the user's
 *   configuration directory; undefined if the user has no home directory
 */
export function configPath(env: NodeJS.ProcessEnv = process.env): string | undefined {
  const { NODE_AGENT_CONFIG: given, XDG_CONFIG_HOME: xdg } = env;
  if (given !== undefined && given !== '') return resolve(given);
  const home = homeDirectory();
  // the XDG specification says to ignore a relative path
  const base = xdg !== undefined && isAbsolute(xdg) ? xdg : home && join(home, '.config');
  return base && join(base, 'hivesync', 'node-agent.json');
}

/** @returns the user's home directory; undefined if there is none */
export function homeDirectory(): string | undefined {
  try {
    const home = homedir();
    return isAbsolute(home) ? home : undefined;
  } catch {
    return undefined; // a user without an entry in the system's list of users
  }
}

/**
 * @returns what `join` has stored; an empty object if there is no file
 * @throws NodeAgentError `config` if there is a file that cannot be used
 */
export function readStoredConfig(env: NodeJS.ProcessEnv = process.env): StoredConfig {
  const path = configPath(env);
  if (path === undefined) return {};
  let text: string;
  try {
    const found = statSync(path);
    // a pipe would be waited for, and `run` with it; a device may never end
    if (!found.isFile()) throw new NodeAgentError('config', `${path}: is not a file`);
    text = readFileSync(path, 'utf8');
    if (!env['NODE_AGENT_CONFIG'] && (found.mode & 0o077) !== 0) closeToOthers(path);
  } catch (error) {
    if (error instanceof NodeAgentError) throw error;
    if (['ENOENT', 'ENOTDIR'].includes((error as NodeJS.ErrnoException).code ?? '')) return {};
    throw new NodeAgentError('config', `the configuration cannot be read: ${messageOf(error)}`, { cause: error });
  }
  return parseStored(path, text);
}

/** It may have been copied here, or written by hand. */
function closeToOthers(path: string): void {
  try {
    chmodSync(path, 0o600);
  } catch {
    // another user's, or on a disk that is read only: it is used as it is
  }
}

function parseStored(path: string, text: string): StoredConfig {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    value = undefined; // the parser's message quotes its input, and that contains the key
  }
  if (typeof value !== 'object' || value === null || Array.isArray(value)) {
    throw new NodeAgentError('config', `${path}: is not a JSON object; correct it, or remove it and join again`);
  }
  const wrong = TEXTS.find((name) => name in value && typeof (value as StoredConfig)[name] !== 'string');
  if (wrong !== undefined) throw new NodeAgentError('config', `${path}: "${wrong}" is not a string`);
  const stored = value as StoredConfig;
  if (stored.data_dir !== undefined && !isAbsolute(stored.data_dir)) {
    throw new NodeAgentError('config', `${path}: "data_dir" is not an absolute path`);
  }
  return stored;
}

/** A configuration that is about to be written. */
export interface ConfigDraft {
  readonly path: string;
  /** Puts it in the place of the present one. */
  commit(config: StoredConfig): void;
  /** Leaves the present one as it is. Does nothing after `commit`. */
  discard(): void;
}

/**
 * Makes sure that a configuration can be written, before a token is spent that is good for one time only.
 * @throws NodeAgentError `config` if it cannot
 */
export function draftConfig(env: NodeJS.ProcessEnv = process.env): ConfigDraft {
  const path = configPath(env);
  if (path === undefined) {
    throw new NodeAgentError('config', 'NODE_AGENT_CONFIG: is not set, and this user has no home directory');
  }
  const draft = `${path}.${randomUUID()}`;
  let file: number | undefined;
  const close = () => {
    if (file !== undefined) closeSync(file);
    file = undefined;
  };
  try {
    ensureDirectory(dirname(path));
    if (!env['NODE_AGENT_CONFIG']) chmodSync(dirname(path), 0o700); // ours alone, also if it was there before
    file = openSync(draft, 'wx', 0o600);
  } catch (error) {
    throw new NodeAgentError('config', `the configuration cannot be written: ${messageOf(error)}`, { cause: error });
  }
  return {
    path,
    commit(config) {
      if (file === undefined) throw new Error('the configuration is written already');
      writeSync(file, `${JSON.stringify(config, undefined, 2)}\n`);
      fsyncSync(file);
      close();
      renameSync(draft, path);
    },
    discard() {
      close();
      rmSync(draft, { force: true });
    },
  };
}

/**
 * @returns the agent's own credentials, longest first. They are masked in every line, and no variable that contains one
 *   reaches a recorded command
 */
export function secretsOf(stored: StoredConfig, env: NodeJS.ProcessEnv = process.env): string[] {
  const secrets = [stored.api_key, env['NODE_API_KEY']].filter(
    (secret): secret is string => secret !== undefined && secret.length >= SHORTEST_SECRET,
  );
  return [...new Set(secrets)].sort((a, b) => b.length - a.length);
}
