/** The services behind a hive process: PostgreSQL and Temporal, each embedded or at an address that was given. */
import type { NativeConnectionOptions } from '@temporalio/worker';
import type { Logger } from 'pino';
import type { HiveConfig } from './config.js';
import { startEmbedded } from './embedded/index.js';
import { applyMigrations } from './migrate.js';

export interface BackingServices {
  /** Contains a password: never log it. The migrations are applied. */
  databaseUrl: string;
  temporal: {
    connection: NativeConnectionOptions & { address: string };
    uiUrl?: string;
    workflowUrl(workflowId: string, runId?: string): string | null;
  };
  stop(): Promise<void>;
}

/** Starts the services that have no address in the configuration, and applies the migrations. */
export async function startBackingServices(
  config: HiveConfig,
  logger: Logger,
  stopping?: AbortSignal,
): Promise<BackingServices> {
  const { temporal, dataDir, postgresPort } = config;
  const isEmbedded = temporal.kind === 'embedded';
  const embedded =
    isEmbedded || config.databaseUrl === undefined
      ? await startEmbedded(
          {
            dataDir,
            postgres: config.databaseUrl === undefined,
            temporal: isEmbedded,
            temporalNamespace: temporal.namespace,
            ...(stopping && { stopping }),
            ...(postgresPort !== undefined && { postgresPort }),
            ...(isEmbedded && temporal.port !== undefined && { temporalPort: temporal.port }),
            ...(isEmbedded && temporal.uiPort !== undefined && { temporalUiPort: temporal.uiPort }),
          },
          logger,
        )
      : undefined;
  try {
    const databaseUrl = config.databaseUrl ?? embedded?.databaseUrl;
    if (databaseUrl === undefined) throw new Error('the embedded PostgreSQL has no address');
    await applyMigrations(databaseUrl, logger, { directUrl: config.directDatabaseUrl });
    const uiUrl = isEmbedded ? embedded?.temporalUiUrl : temporal.uiUrl;
    const connection = isEmbedded ? { address: embedded?.temporalAddress ?? '' } : temporal.connectionOptions;
    return {
      databaseUrl,
      temporal: {
        connection: { ...connection, address: connection.address ?? '' },
        ...(uiUrl !== undefined && { uiUrl }),
        workflowUrl: (workflowId, runId) =>
          uiUrl === undefined ? null : workflowUrl(uiUrl, temporal.namespace, workflowId, runId),
      },
      stop: async () => embedded?.stop(),
    };
  } catch (error) {
    await embedded?.stop();
    throw error;
  }
}

function workflowUrl(uiUrl: string, namespace: string, workflowId: string, runId?: string): string {
  const workflow = `${uiUrl}/namespaces/${encodeURIComponent(namespace)}/workflows/${encodeURIComponent(workflowId)}`;
  return runId === undefined ? workflow : `${workflow}/${runId}/history`;
}
