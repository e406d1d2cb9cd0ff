import { DefaultLogger, makeTelemetryFilterString, Runtime } from '@temporalio/worker';
import type { Logger } from 'pino';

/** Sends Temporal's own log into the hive's. Call it once per process, before the first worker. */
export function installRuntime(logger: Logger): void {
  const temporal = logger.child({ part: 'temporal' });
  Runtime.install({
    logger: new DefaultLogger('INFO', ({ level, message, meta }) => {
      const line = { ...meta } as Record<string, unknown>;
      if (level === 'ERROR') temporal.error(line, message);
      else if (level === 'WARN') temporal.warn(line, message);
      else temporal.debug(line, message);
    }),
    telemetryOptions: { logging: { forward: {}, filter: makeTelemetryFilterString({ core: 'WARN', other: 'ERROR' }) } },
    shutdownSignals: [], // the hive stops its workers itself, in its own order
  });
}
