import { execFile } from 'node:child_process';
import { createWriteStream } from 'node:fs';
import { mkdir, mkdtemp, rename, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { pipeline } from 'node:stream/promises';
import { promisify } from 'node:util';
import type { Logger } from '../logger.js';
import { messageOf } from './errors.js';

const run = promisify(execFile);
const RELEASES = 'https://github.com/temporalio/cli/releases/download';
const TIMEOUT_MS = 60_000;
const ARCHITECTURES: Partial<Record<NodeJS.Architecture, string>> = { x64: 'amd64', arm64: 'arm64' };

/**
 * Downloads into `folder` the release that the SDK would download. The SDK's own way (createEphemeralServer) has no
 * time limit and also starts a server, so it is not used.
 * @throws Error with the reason, within a minute
 */
export async function downloadTemporal(
  folder: string,
  version: string,
  logger: Logger,
  { stopping, releases = RELEASES }: { stopping?: AbortSignal; releases?: string } = {},
): Promise<void> {
  const architecture = ARCHITECTURES[process.arch];
  if (architecture === undefined || !['linux', 'darwin'].includes(process.platform)) {
    throw new Error(`there is no download for ${process.platform} ${process.arch}`);
  }
  const archive = `temporal_cli_${version.slice(1)}_${process.platform}_${architecture}.tar.gz`;
  const url = `${releases}/${version}/${archive}`;
  logger.info({ url }, 'downloading Temporal, which is done only once');
  await mkdir(folder, { recursive: true });
  const draft = await mkdtemp(join(folder, 'download-'));
  try {
    const signal = AbortSignal.any([AbortSignal.timeout(TIMEOUT_MS), ...(stopping ? [stopping] : [])]);
    await save(url, join(draft, archive), signal);
    await run('tar', ['-xzf', archive, 'temporal'], { cwd: draft, signal });
    await run(join(draft, 'temporal'), ['--version'], { signal });
    await rename(join(draft, 'temporal'), join(folder, 'temporal'));
  } catch (error) {
    throw new Error(`download of ${url} failed: ${reason(error)}`, { cause: error });
  } finally {
    await rm(draft, { recursive: true, force: true });
  }
}

async function save(url: string, file: string, signal: AbortSignal): Promise<void> {
  const response = await fetch(url, { signal });
  if (!response.ok || !response.body) throw new Error(`answered ${response.status}`);
  await pipeline(response.body, createWriteStream(file), { signal });
}

/** An error of fetch only says "fetch failed"; the reason is in its cause. */
function reason(error: unknown): string {
  const cause = typeof error === 'object' && error !== null && 'cause' in error ? error.cause : undefined;
  return messageOf(cause ?? error);
}
