import { accessSync, constants } from 'node:fs';
import { homedir } from 'node:os';
import { delimiter, isAbsolute, join } from 'node:path';
import type { Logger } from '../logger.js';
import { EmbeddedError, messageOf } from './errors.js';
import { buildTemporal } from './temporal-build.js';
import { downloadTemporal } from './temporal-download.js';

/** The newest version that `go install` can build. Its server is 1.29.1. */
export const TEMPORAL_VERSION = 'v1.5.1';

const FILE_NAME = process.platform === 'win32' ? 'temporal.exe' : 'temporal';

/** A way to obtain the executable in a folder. Throws an Error with the reason if it can't, or is to stop. */
export type Obtain = (
  folder: string,
  version: string,
  logger: Logger,
  options: { stopping?: AbortSignal },
) => Promise<void>;

interface TemporalExecutableOptions {
  env?: NodeJS.ProcessEnv;
  ways?: readonly Obtain[];
  /** Ends the download or the build. */
  stopping?: AbortSignal;
}

/**
 * Finds the Temporal command line, which contains the dev server: on PATH, in the cache, by download (up to a minute),
 * or by building it with Go (some minutes, once per machine). What was obtained stays in the cache.
 * @throws {EmbeddedError} executable_missing; Error `AbortError` if it is to stop
 */
export async function temporalExecutable(
  logger: Logger,
  { env = process.env, ways = [downloadTemporal, buildTemporal], stopping }: TemporalExecutableOptions = {},
): Promise<string> {
  const installed = onPath(env);
  if (installed !== undefined) return installed;
  const folder = join(cacheRoot(env), 'hivesync', 'temporal', TEMPORAL_VERSION);
  const cached = join(folder, FILE_NAME);
  const refusals: string[] = [];
  for (const obtain of ways) {
    if (isExecutable(cached)) return cached;
    try {
      await obtain(folder, TEMPORAL_VERSION, logger, { ...(stopping && { stopping }) });
    } catch (error) {
      stopping?.throwIfAborted();
      const why = messageOf(error);
      refusals.push(why);
      logger.info({ why }, 'Temporal could not be obtained in this way');
    }
  }
  if (isExecutable(cached)) return cached;
  throw new EmbeddedError(
    'executable_missing',
    `there is no Temporal server to start (${refusals.join('; ')}); install the temporal command line on PATH ` +
      '(https://docs.temporal.io/cli) or Go 1.24 or newer to build it, or set TEMPORAL_ADDRESS to a running server',
  );
}

function cacheRoot(env: NodeJS.ProcessEnv): string {
  const named = env['XDG_CACHE_HOME'];
  // the XDG specification says to ignore a relative path
  return named !== undefined && isAbsolute(named) ? named : join(homedir(), '.cache');
}

function onPath(env: NodeJS.ProcessEnv): string | undefined {
  const folders = (env['PATH'] ?? '').split(delimiter).filter(isAbsolute);
  return folders.map((folder) => join(folder, FILE_NAME)).find(isExecutable);
}

function isExecutable(path: string): boolean {
  try {
    accessSync(path, constants.X_OK);
    return true;
  } catch {
    return false;
  }
}
