import { resolve } from 'node:path';
import type { Logger } from '../logger.js';
import { takeDataDir } from './data-dir.js';
import { choosePorts, startOnPorts, type PortName, type Ports } from './ports.js';
import { startPostgres } from './postgres.js';
import { startTemporal } from './temporal.js';
import { temporalExecutable } from './temporal-executable.js';

export interface EmbeddedOptions {
  /** The directory for all files; created if needed, and locked for this process. */
  readonly dataDir: string;
  readonly postgres: boolean;
  readonly temporal: boolean;
  /** If absent, the port of the last start if it is free, otherwise any. */
  readonly postgresPort?: number;
  readonly temporalPort?: number;
  readonly temporalUiPort?: number;
  /** @default 'default' */
  readonly temporalNamespace?: string;
  /** Ends getting Temporal for the first time, which may take minutes; the start fails then. */
  readonly stopping?: AbortSignal;
  /** Settings of PostgreSQL in addition to the hive's own, name to value. */
  readonly postgresSettings?: Readonly<Record<string, string>>;
}

export interface Embedded {
  /** Address of the database `hive`, with its password: never log it. */
  readonly databaseUrl?: string;
  /** host:port */
  readonly temporalAddress?: string;
  /** Without a slash at the end. */
  readonly temporalUiUrl?: string;
  /**
   * Stops Temporal, then PostgreSQL, each within half a minute, and releases the data directory. May be called again.
   */
  stop(): Promise<void>;
}

/**
 * Starts PostgreSQL, Temporal or both, waits until they are ready and keeps them running until `stop`.
 * Signals to the process are left to the caller.
 * @throws {EmbeddedError}
 */
export async function startEmbedded(options: EmbeddedOptions, logger: Logger): Promise<Embedded> {
  const dataDir = await takeDataDir(resolve(options.dataDir), logger);
  const stops: (() => Promise<void>)[] = [];
  const stopAll = async () => {
    try {
      for (const stop of stops.toReversed()) await stop();
    } finally {
      dataDir.release();
    }
  };
  try {
    const started = await start(options, stops, logger);
    let stopped: Promise<void> | undefined;
    return { ...started, stop: () => (stopped ??= stopAll()) };
  } catch (error) {
    await stopAll();
    throw error;
  }

  async function start(asked: EmbeddedOptions, running: (() => Promise<void>)[], log: Logger) {
    const names: PortName[] = [
      ...(asked.postgres ? (['postgres'] as const) : []),
      ...(asked.temporal ? (['temporal', 'temporalUi'] as const) : []),
    ];
    const wanted = wantedPorts(asked);
    const ports = await choosePorts(dataDir.path, names, wanted);
    const startOn = <N extends PortName, T>(of: readonly N[], startServer: (on: Record<N, number>) => Promise<T>) =>
      startOnPorts(dataDir.path, of, wanted, ports, startServer, log);
    const result: { databaseUrl?: string; temporalAddress?: string; temporalUiUrl?: string } = {};
    if (asked.postgres) {
      const postgres = await startOn(['postgres'], ({ postgres: port }) =>
        startPostgres(dataDir, port, asked.postgresSettings ?? {}, log),
      );
      running.push(() => postgres.stop());
      result.databaseUrl = postgres.url;
    }
    if (asked.temporal) {
      const executable = await temporalExecutable(log, { ...(asked.stopping && { stopping: asked.stopping }) });
      const namespace = asked.temporalNamespace ?? 'default';
      const server = await startOn(['temporal', 'temporalUi'], (on) =>
        startTemporal(executable, dataDir, on, namespace, log),
      );
      running.push(() => server.stop());
      result.temporalAddress = server.address;
      result.temporalUiUrl = server.uiUrl;
    }
    return result;
  }
}

function wantedPorts({ postgresPort, temporalPort, temporalUiPort }: EmbeddedOptions): Ports {
  return {
    ...(postgresPort !== undefined && { postgres: postgresPort }),
    ...(temporalPort !== undefined && { temporal: temporalPort }),
    ...(temporalUiPort !== undefined && { temporalUi: temporalUiPort }),
  };
}
