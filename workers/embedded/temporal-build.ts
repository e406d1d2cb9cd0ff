import { spawn } from 'node:child_process';
import { mkdir, mkdtemp, readdir, rename, rm, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Logger } from '../logger.js';
import { takeLock, type ExclusiveLock } from './exclusive-lock.js';

const PROGRESS_MS = 15_000;
const POLL_MS = 500;
const PACKAGE = 'github.com/temporalio/cli/cmd/temporal';

/**
 * Builds the Temporal command line with Go into `folder`. One process builds at a time; others wait for its result.
 * @throws Error with the reason
 */
export async function buildTemporal(
  folder: string,
  version: string,
  logger: Logger,
  { stopping }: { stopping?: AbortSignal } = {},
): Promise<void> {
  await mkdir(folder, { recursive: true });
  const lock = await waitForLock(folder, logger, stopping);
  if (lock === 'built') return;
  try {
    if (await isBuilt(folder)) return;
    await removeInterrupted(folder);
    const draft = await mkdtemp(join(folder, 'build-'));
    try {
      await goInstall(`${PACKAGE}@${version}`, draft, logger, stopping);
      await rename(join(draft, 'temporal'), join(folder, 'temporal'));
    } finally {
      await rm(draft, { recursive: true, force: true });
    }
  } finally {
    lock.release();
  }
}

async function waitForLock(
  folder: string,
  logger: Logger,
  stopping?: AbortSignal,
): Promise<ExclusiveLock<never> | 'built'> {
  for (let told = false; ; told = true) {
    const lock = await takeLock<never>(join(folder, 'build-lock'));
    if (!('owner' in lock)) return lock;
    if (!told) logger.info({ builderPid: lock.owner.pid }, 'waiting for another process that is building Temporal');
    await sleep(POLL_MS, undefined, { ...(stopping && { signal: stopping }) });
    if (await isBuilt(folder)) return 'built';
  }
}

const isBuilt = (folder: string) =>
  stat(join(folder, 'temporal')).then(
    () => true,
    () => false,
  );

async function removeInterrupted(folder: string): Promise<void> {
  const leftovers = (await readdir(folder)).filter((name) => name.startsWith('build-') && name !== 'build-lock');
  await Promise.all(leftovers.map((name) => rm(join(folder, name), { recursive: true, force: true })));
}

function goInstall(target: string, binFolder: string, logger: Logger, stopping?: AbortSignal): Promise<void> {
  const started = performance.now();
  return new Promise((resolve, reject) => {
    const go = spawn('go', ['install', target], {
      env: { ...process.env, GOBIN: binFolder },
      stdio: ['ignore', 'ignore', 'pipe'],
      killSignal: 'SIGINT', // Go then ends its compilers, too
      ...(stopping && { signal: stopping }),
    });
    logger.info({ target }, 'building Temporal, which takes 3 to 5 minutes and is done only once');
    let errors = '';
    go.stderr.setEncoding('utf8').on('data', (chunk: string) => {
      errors = (errors + chunk).slice(-2000);
    });
    const progress = setInterval(() => {
      logger.info({ elapsed_seconds: Math.round((performance.now() - started) / 1000) }, 'still building Temporal');
    }, PROGRESS_MS);
    go.once('error', (error: NodeJS.ErrnoException) => {
      clearInterval(progress);
      reject(new Error(error.code === 'ENOENT' ? 'Go is not installed' : `go can't be started: ${error.message}`));
    });
    go.once('close', (code, signal) => {
      clearInterval(progress);
      if (code === 0) resolve();
      else {
        const why = errors.trim().split('\n').slice(-3).join(' | ');
        reject(new Error(`go install ${target} failed (${signal ?? `exit code ${code}`}): ${why}`));
      }
    });
  });
}
