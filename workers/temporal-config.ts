import { loadClientConnectConfig, type ClientConnectConfig } from '@temporalio/envconfig';
import { ConfigError } from './config-error.js';
import { systemCode } from './embedded/errors.js';

/** The Temporal that the hive uses: a dev server of its own, or one named in the environment. */
export type TemporalConfig =
  | {
      readonly kind: 'embedded';
      readonly namespace: string;
      readonly port?: number;
      readonly uiPort?: number;
    }
  | {
      readonly kind: 'external';
      readonly namespace: string;
      /** Contains the API key and TLS keys: never log it. */
      readonly connectionOptions: ClientConnectConfig['connectionOptions'];
      /** Address of the Web UI, for links to workflows; without a slash at the end. */
      readonly uiUrl?: string;
    };

interface EmbeddedSettings {
  uiUrl: string | undefined;
  port: number | undefined;
  uiPort: number | undefined;
}

const NAMES_A_SERVER = ['TEMPORAL_ADDRESS', 'TEMPORAL_PROFILE', 'TEMPORAL_CONFIG_FILE'];
const NEEDS_A_SERVER = /^TEMPORAL_(API_KEY|TLS.*|GRPC_META.*)$/;

/**
 * Reads Temporal's own environment configuration (@temporalio/envconfig) if it names a server.
 * @param env only variables that are set
 * @throws {ConfigError}
 */
export function readTemporalConfig(
  env: Readonly<Record<string, string>>,
  { uiUrl, port, uiPort }: EmbeddedSettings,
): TemporalConfig {
  if (!NAMES_A_SERVER.some((name) => env[name] !== undefined)) {
    const orphan = Object.keys(env).find((name) => NEEDS_A_SERVER.test(name));
    if (orphan) throw new ConfigError(orphan, undefined, 'only together with TEMPORAL_ADDRESS (HOST:PORT)');
    return {
      kind: 'embedded',
      namespace: env['TEMPORAL_NAMESPACE'] ?? 'default',
      ...(port !== undefined && { port }),
      ...(uiPort !== undefined && { uiPort }),
    };
  }
  const { connectionOptions, namespace } = load(env);
  const address = connectionOptions.address;
  if (!address) throw new ConfigError('TEMPORAL_ADDRESS', '', 'HOST:PORT, here or in the chosen profile');
  if (!/^[^\s/@]+:\d{1,5}$/.test(address)) throw new ConfigError('TEMPORAL_ADDRESS', address, 'HOST:PORT');
  return { kind: 'external', namespace: namespace ?? 'default', connectionOptions, ...(uiUrl && { uiUrl }) };
}

/**
 * Reads the API key again, because a key in the configuration file can be replaced while a hive runs.
 * @returns undefined if there is none
 * @throws {ConfigError}
 */
export function readTemporalApiKey(env: NodeJS.ProcessEnv = process.env): string | undefined {
  const set = Object.entries(env).filter((entry): entry is [string, string] => Boolean(entry[1]));
  const { apiKey } = load(Object.fromEntries(set)).connectionOptions;
  return typeof apiKey === 'string' ? apiKey : undefined;
}

function load(env: Readonly<Record<string, string>>): ClientConnectConfig {
  try {
    return loadClientConnectConfig({ overrideEnvVars: { ...env } });
  } catch (error) {
    // a parser's message quotes its input, which contains secrets: only messages known to contain none are passed on
    const message = error instanceof Error ? error.message : '';
    if (message.startsWith('Profile ')) {
      throw new ConfigError('TEMPORAL_PROFILE', env['TEMPORAL_PROFILE'], 'a profile in the configuration file');
    }
    if (message.startsWith('Cannot specify both')) {
      throw new ConfigError('TEMPORAL_TLS', undefined, 'either the PATH or the DATA of each certificate and key');
    }
    const code = systemCode(error);
    if (code !== undefined)
      throw new ConfigError('TEMPORAL_TLS', undefined, `paths of files that can be read (${code})`);
    throw new ConfigError('TEMPORAL_CONFIG_FILE', env['TEMPORAL_CONFIG_FILE'], "a file in Temporal's TOML format");
  }
}
