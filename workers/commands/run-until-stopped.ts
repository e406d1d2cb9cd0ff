import type { HiveConfig } from '../config.js';
import { createLogger, type Logger } from '../logger.js';
import { whenNpmIsGone } from '../npm-parent.js';

/**
 * Runs a hive or a worker until the process is asked to stop: by a signal, or by the end of the process that started it
 * over IPC or of the npm that runs it. Exits the process.
 * @param start starts it, and resolves with a function that stops it; it may fail when it is asked to stop meanwhile
 */
export async function runUntilStopped(
  config: HiveConfig,
  start: (logger: Logger, stopping: AbortSignal) => Promise<() => Promise<void>>,
): Promise<void> {
  const stopped = untilStopped(); // from here on, so that a stop during the start counts
  process.on('SIGHUP', () => undefined); // a terminal that closes, or a habit from other servers, ends nothing
  // Temporal's worker takes over a second to load: no other command should wait for it
  const { installRuntime } = await import('../temporal/runtime.js');
  const logger = createLogger(config);
  installRuntime(logger);
  for (const warning of config.warnings ?? []) logger.warn(warning);
  const stopping = new AbortController();
  void stopped.then((reason) => {
    logger.info({ reason }, 'stopping');
    stopping.abort();
  });
  const stop = await start(logger, stopping.signal).catch((error: unknown) => {
    if (!stopping.signal.aborted) throw error;
    return () => Promise.resolve(); // it has not started, and cleared up
  });
  await stopped;
  await stop();
  logger.info('stopped');
  process.exit(); // a handle that a library left open must not keep the process alive
}

function untilStopped(): Promise<string> {
  return new Promise((resolve) => {
    for (const signal of ['SIGINT', 'SIGTERM'] as const) process.on(signal, () => resolve(signal));
    process.on('disconnect', () => resolve('the parent process has gone'));
    whenNpmIsGone(() => resolve('npm has gone'));
  });
}
