/** What the service that keeps `connect` running needs to know. */
import { existsSync, statSync } from 'node:fs';
import { spawnSync } from 'node:child_process';
import { dirname, join, resolve } from 'node:path';
import { configPath, readStoredConfig } from '../config-file.js';
import { dataDirectory } from '../config.js';
import { NodeAgentError } from '../errors.js';

/** For the user who installs it, or for the whole machine, started at boot. */
export type Scope = 'user' | 'system';

export interface ServicePlan {
  scope: Scope;
  /** The program and its arguments; the program's path is absolute. */
  command: string[];
  /** Paths of the configuration, which has the key, of further variables, which may have a proxy's password, and of the store. */
  config: string;
  variablesFile: string;
  dataDir: string;
  /** Whom the service of a whole machine runs as: the owner of the configuration. */
  user: string | undefined;
  /** How the way to the hive is found. */
  variables: Record<string, string>;
}

/** Read by the agent, or by Node itself. */
const PASSED_ON = /^((https?|all|no)_proxy|NODE_EXTRA_CA_CERTS)$/i;

/**
 * @param script of this process
 * @throws NodeAgentError `config` if the node has not joined, `usage` if the program will not stay where it is
 */
export function planService(
  scope: Scope,
  env: NodeJS.ProcessEnv = process.env,
  script = process.argv[1] ?? '',
): ServicePlan {
  const caller = scope === 'system' ? callerOfSudo(env) : undefined;
  const config = caller ? join(caller, '.config', 'hivesync', 'node-agent.json') : (configPath(env) ?? '');
  const stored = readStoredConfig({ ...env, NODE_AGENT_CONFIG: config });
  if (stored.api_key === undefined || stored.hive_url === undefined) {
    throw new NodeAgentError('config', `${config} has no key: join a hive first, with \`node-agent join\``);
  }
  const cli = resolve(script); // not its real path: in a checkout that is a build which the next one replaces
  if (cli.includes('/_npx/')) {
    throw new NodeAgentError(
      'usage',
      'npx runs the agent from a cache that npm may empty: install it first, with npm install -g',
    );
  }
  return {
    scope,
    command: [process.execPath, cli, 'connect'],
    config,
    variablesFile: join(dirname(config), 'node-agent.env'),
    dataDir: caller ? (stored.data_dir ?? join(caller, '.local', 'share', 'hivesync')) : dataDirectory(env),
    user: scope === 'system' ? ownerOf(config) : undefined,
    variables: Object.fromEntries(
      Object.entries(env).flatMap(([name, value]) => (value && PASSED_ON.test(name) ? [[name, value]] : [])),
    ),
  };
}

/** @returns the home directory of whoever called sudo and has joined; undefined if the configuration is named otherwise */
function callerOfSudo({ SUDO_USER: user, NODE_AGENT_CONFIG: named }: NodeJS.ProcessEnv): string | undefined {
  if (!user || named) return undefined;
  const home = ask('getent', ['passwd', user])?.split(':')[5];
  return home && existsSync(join(home, '.config', 'hivesync', 'node-agent.json')) ? home : undefined;
}

function ownerOf(file: string): string {
  const { uid } = statSync(file);
  return ask('id', ['-nu', String(uid)]) ?? String(uid);
}

function ask(file: string, args: string[]): string | undefined {
  const { status, stdout } = spawnSync(file, args, { encoding: 'utf8' });
  return status === 0 ? stdout.trim() : undefined;
}
