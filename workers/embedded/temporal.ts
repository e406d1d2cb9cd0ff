import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { Connection } from '@temporalio/client';
import type { Logger } from '../logger.js';
import { searchAttributes } from '../../backfills/definitions.js';
import type { DataDir } from './data-dir.js';
import { serverLogPath } from './server-log.js';
import { supervise, type SupervisedServer } from './supervised-server.js';

export interface TemporalPorts {
  readonly temporal: number;
  readonly temporalUi: number;
}

export interface EmbeddedTemporal extends SupervisedServer {
  /** host:port of the gRPC service. */
  readonly address: string;
  /** Address of the Web UI, without a slash at the end. */
  readonly uiUrl: string;
}

const SERVICE = 'temporal.api.workflowservice.v1.WorkflowService';

/**
 * Starts Temporal's dev server on 127.0.0.1, with its state in `<dataDir>/temporal.db` and the hive's search attributes
 * registered.
 * @throws {EmbeddedError}
 */
export async function startTemporal(
  executable: string,
  dataDir: DataDir,
  ports: TemporalPorts,
  namespace: string,
  logger: Logger,
): Promise<EmbeddedTemporal> {
  const address = `127.0.0.1:${ports.temporal}`;
  const attributes = Object.values(searchAttributes).map(({ name }) => name);
  const flags: [string, string][] = [
    ['--ip', '127.0.0.1'],
    ['--port', String(ports.temporal)],
    ['--ui-ip', '127.0.0.1'],
    ['--ui-port', String(ports.temporalUi)],
    ['--namespace', namespace],
    ['--log-level', 'warn'],
    ['--db-filename', join(dataDir.path, 'temporal.db')],
    // with these two, the state file costs little: 53 workflows/s, against 60 in memory and 21 without them
    ['--sqlite-pragma', 'journal_mode=wal'],
    ['--sqlite-pragma', 'synchronous=1'],
    ['--dynamic-config-value', 'system.enableActivityEagerExecution=true'],
    ['--dynamic-config-value', 'matching.enableFairness=true'],
    // otherwise a task queue narrows itself to the one namespace and then searches all its tasks for each new one
    ['--dynamic-config-value', 'history.queueMaxPredicateSize=1'],
    ...attributes.map((name): [string, string] => ['--search-attribute', `${name}=Keyword`]),
  ];
  const server = await supervise(
    {
      kind: 'temporal',
      executable,
      args: ['server', 'start-dev', ...flags.flat()],
      env: serverEnvironment(),
      port: ports.temporal,
      logPath: serverLogPath(dataDir.path, 'temporal'),
      readyTimeoutMs: 60_000,
      waitUntilReady: (signal) => serves(address, namespace, attributes, signal),
    },
    dataDir,
    logger,
  );
  return { address, uiUrl: `http://127.0.0.1:${ports.temporalUi}`, stop: () => server.stop() };
}

/** Waits for the namespace and the search attributes too: the dev server opens its port before it has them. */
async function serves(
  address: string,
  namespace: string,
  attributes: readonly string[],
  signal: AbortSignal,
): Promise<void> {
  for (;;) {
    signal.throwIfAborted();
    try {
      const connection = await Connection.connect({ address, connectTimeout: 2000 });
      try {
        await connection.withDeadline(Date.now() + 2000, async () => {
          await connection.healthService.check({ service: SERVICE });
          await connection.workflowService.describeNamespace({ namespace });
          const { customAttributes } = await connection.operatorService.listSearchAttributes({ namespace });
          const missing = attributes.find((name) => !(name in customAttributes));
          if (missing !== undefined) throw new Error(`search attribute ${missing} is not registered yet`);
        });
        return;
      } finally {
        await connection.close();
      }
    } catch {
      // not ready yet; the caller's signal ends the waiting, and the server's log has the reason
      await sleep(50, undefined, { signal });
    }
  }
}

function serverEnvironment(): NodeJS.ProcessEnv {
  // TEMPORAL_* variables would configure the command line itself
  return Object.fromEntries(Object.entries(process.env).filter(([name]) => !name.startsWith('TEMPORAL_')));
}
