import { setTimeout as sleep } from 'node:timers/promises';
import type { Logger } from '../logger.js';
import { startServer, type Exit, type RunningServer, type ServerCommand } from './child-process.js';
import type { DataDir } from './data-dir.js';
import { EmbeddedError } from './errors.js';
import { lastWords } from './server-log.js';
import { STOP_STEPS, terminate, type ChildKind } from './terminate.js';

export interface ServerSpec extends ServerCommand {
  readonly kind: ChildKind;
  readonly port: number;
  /** Resolves when the server is ready; tries until the signal aborts. */
  waitUntilReady(signal: AbortSignal): Promise<void>;
  readonly readyTimeoutMs: number;
}

/** A server that is started again on the same port whenever it ends by itself. */
export interface SupervisedServer {
  /** Stops the server in bounded time and does not start it again. Returns when the process is gone. */
  stop(): Promise<void>;
}

const BACKOFF_FIRST_MS = 200;
const BACKOFF_MAX_MS = 10_000;
/** A server that ran this long counts as healthy again. */
const HEALTHY_AFTER_MS = 60_000;
/** What PostgreSQL and Temporal say of a port that another process took since it was chosen. */
const PORT_LOST = /address already in use/i;

/**
 * Starts a server, waits until it is ready and keeps it running.
 * @throws {EmbeddedError} start_failed, or port_lost if it may start on another port
 */
export async function supervise(spec: ServerSpec, dataDir: DataDir, logger: Logger): Promise<SupervisedServer> {
  const log = logger.child({ server: spec.kind, port: spec.port });
  const stopping = new AbortController();
  const isStopping = () => stopping.signal.aborted;
  const launch = () =>
    startServer(spec, (identity) => dataDir.recordChild({ ...identity, kind: spec.kind, port: spec.port }));
  const end = async (server: RunningServer) => {
    await terminate(server.identity, STOP_STEPS[spec.kind]);
    await server.exited;
  };

  const launchFirst = async () => {
    const server = await launch();
    try {
      await ready(spec, server);
      return server;
    } catch (error) {
      await end(server);
      dataDir.forgetChild(spec.kind);
      throw error;
    }
  };

  let current: RunningServer | undefined = await launchFirst();

  const keepRunning = async () => {
    let failures = 0;
    let since = performance.now();
    while (!isStopping()) {
      const exit = current && (await current.exited);
      current = undefined;
      if (isStopping()) return;
      failures = performance.now() - since > HEALTHY_AFTER_MS ? 1 : failures + 1;
      const waitMs = Math.min(BACKOFF_FIRST_MS * 2 ** (failures - 1), BACKOFF_MAX_MS);
      log.warn({ ...exit, wait_ms: waitMs, log: spec.logPath }, 'server ended by itself; starting it again');
      await sleep(waitMs, undefined, { signal: stopping.signal }).catch(() => undefined);
      if (isStopping()) return;
      since = performance.now();
      try {
        current = await launch();
        await ready(spec, current, stopping.signal);
        log.info('server is running again');
      } catch (error) {
        if (!isStopping()) log.error({ err: error }, 'server did not become ready again');
        if (current) await end(current);
      }
    }
  };
  const kept = keepRunning();
  // stop() reports a failure in here; the log has it at once
  kept.catch((error: unknown) => log.error({ err: error }, 'server is no longer supervised'));

  return {
    async stop() {
      stopping.abort();
      if (current) await end(current);
      await kept;
      dataDir.forgetChild(spec.kind);
      log.debug('server stopped');
    },
  };
}

async function ready(spec: ServerSpec, server: RunningServer, stopping?: AbortSignal): Promise<void> {
  const giveUp = new AbortController();
  const timeout = AbortSignal.timeout(spec.readyTimeoutMs);
  const signal = AbortSignal.any([giveUp.signal, timeout, ...(stopping ? [stopping] : [])]);
  const failed = (why: string, cause?: unknown) => {
    const words = lastWords(spec.logPath);
    return new EmbeddedError(
      PORT_LOST.test(words) ? 'port_lost' : 'start_failed',
      `${spec.kind} did not start on port ${spec.port}: ${why}; its log ${spec.logPath} ends with: ${words}`,
      { cause },
    );
  };
  const ended = server.exited.then((exit) => {
    throw failed(describeExit(exit));
  });
  const becameReady = spec.waitUntilReady(signal).catch((error: unknown) => {
    throw timeout.aborted ? failed(`not ready after ${spec.readyTimeoutMs / 1000} s`, error) : error;
  });
  try {
    await Promise.race([becameReady, ended]);
  } finally {
    giveUp.abort();
    // the outcome of whichever lost the race no longer matters
    void Promise.allSettled([becameReady, ended]);
  }
}

const describeExit = ({ code, signal }: Exit) => (signal ? `ended by ${signal}` : `exit code ${code ?? 'unknown'}`);
