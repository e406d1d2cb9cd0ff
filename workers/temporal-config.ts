import { loadClientConnectConfig, type ClientConnectConfig } from '@temporalio/envconfig';
import { ConfigError } from './config-error.js';
import { systemCode } from './embedded/errors.js';

/** Which Temporal the hive uses: a dev server of its own, or one that the environment names. */
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
      /** Holds the API key and TLS keys: never log it. */
      readonly connectionOptions: ClientConnectConfig['connectionOptions'];
      /** The Web UI, for links to workflows; no slash at its end. */
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
 * Reads Temporal's own environment configuration (@temporalio/envconfig) where it names a server.
 * @param env set variables only
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

function load(env: Readonly<Record<string, string>>): ClientConnectConfig {
  try {
    return loadClientConnectConfig({ overrideEnvVars: { ...env } });
  } catch (error) {
    // a parser's message quotes its input, which holds secrets: only what is known to hold none is passed on
    const message = error instanceof Error ? error.message : '';
    if (message.startsWith('Profile ')) {
      throw new ConfigError('TEMPORAL_PROFILE', env['TEMPORAL_PROFILE'], 'a profile of the configuration file');
    }
    if (message.startsWith('Cannot specify both')) {
      throw new ConfigError('TEMPORAL_TLS', undefined, 'for each certificate and key either its PATH or its DATA');
    }
    const code = systemCode(error);
    if (code !== undefined) throw new ConfigError('TEMPORAL_TLS', undefined, `paths of readable files (${code})`);
    throw new ConfigError('TEMPORAL_CONFIG_FILE', env['TEMPORAL_CONFIG_FILE'], "a file in Temporal's TOML format");
  }
}
