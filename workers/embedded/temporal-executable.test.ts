import { afterEach, beforeEach, expect, test } from '@jest/globals';
import { execFileSync } from 'node:child_process';
import { existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { until } from '../../tests/harness/until.js';
import { createLogger } from '../logger.js';
import { buildTemporal } from './temporal-build.js';
import { downloadTemporal } from './temporal-download.js';
import { TEMPORAL_VERSION, temporalExecutable } from './temporal-executable.js';

const logger = createLogger({ logLevel: 'silent', instanceId: 'test' });
const path = process.env['PATH'];
let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'hivesync-temporal-'));
});
afterEach(() => {
  process.env['PATH'] = path;
  rmSync(folder, { recursive: true });
});

function script(name: string, body: string): void {
  mkdirSync(join(folder, 'bin'), { recursive: true });
  writeFileSync(join(folder, 'bin', name), `#!/bin/sh\n${body}\n`, { mode: 0o755 });
}

test('prefers the executable on PATH, then the cache, and obtains one only if there is neither', async () => {
  const ways = [() => Promise.reject(new Error('no network')), () => Promise.reject(new Error('no Go'))];
  const env = { PATH: join(folder, 'bin'), XDG_CACHE_HOME: folder };
  await expect(temporalExecutable(logger, { env, ways })).rejects.toMatchObject({
    code: 'executable_missing',
    message: expect.stringMatching(/no network; no Go.*install the temporal command line.*Go 1.24.*TEMPORAL_ADDRESS/),
  });
  const cache = join(folder, 'hivesync', 'temporal', TEMPORAL_VERSION);
  mkdirSync(cache, { recursive: true });
  writeFileSync(join(cache, 'temporal'), '', { mode: 0o755 });
  expect(await temporalExecutable(logger, { env, ways })).toBe(join(cache, 'temporal'));
  script('temporal', '');
  expect(await temporalExecutable(logger, { env, ways })).toBe(join(folder, 'bin', 'temporal'));
});

test('two that build at the same time build once, and leave only the executable', async () => {
  script('go', `echo "$2" >> ${folder}/runs; sleep 0.3; echo built > "$GOBIN/temporal"`);
  process.env['PATH'] = `${join(folder, 'bin')}:${path ?? ''}`;
  const cache = join(folder, 'cache');
  await Promise.all([buildTemporal(cache, 'v1.5.1', logger), buildTemporal(cache, 'v1.5.1', logger)]);
  expect(readFileSync(join(folder, 'runs'), 'utf8')).toBe('github.com/temporalio/cli/cmd/temporal@v1.5.1\n');
  expect(readdirSync(cache).sort()).toEqual(['build-lock', 'temporal']);
});

test("a failed build reports Go's own message", async () => {
  script('go', 'echo "go: no such module" >&2; exit 1');
  process.env['PATH'] = `${join(folder, 'bin')}:${path ?? ''}`;
  await expect(buildTemporal(join(folder, 'cache'), 'v1.5.1', logger)).rejects.toThrow(/exit code 1.*no such module/);
});

test('the build, and who waits for it, end at once when they are to stop', async () => {
  script('go', `echo $$ > ${folder}/pid; exec sleep 600`);
  process.env['PATH'] = `${join(folder, 'bin')}:${path ?? ''}`;
  const env = { PATH: join(folder, 'bin'), XDG_CACHE_HOME: folder };
  const [first, second] = [new AbortController(), new AbortController()];
  const build = (stopping: AbortSignal) => temporalExecutable(logger, { env, ways: [buildTemporal], stopping });
  const building = build(first.signal);
  const pid = () => Number(existsSync(join(folder, 'pid')) && readFileSync(join(folder, 'pid'), 'utf8'));
  while (pid() === 0) await sleep(20);
  const waiting = build(second.signal);
  second.abort();
  await expect(waiting).rejects.toMatchObject({ name: 'AbortError' });
  first.abort();
  await expect(building).rejects.toMatchObject({ name: 'AbortError' });
  const isRunning = () => {
    try {
      return process.kill(pid(), 0);
    } catch {
      return false;
    }
  };
  await until(() => !isRunning(), 60_000, 'the build has ended'); // by then it has only been told to
  expect(readdirSync(join(folder, 'hivesync', 'temporal', TEMPORAL_VERSION))).toEqual(['build-lock']);
});

test('downloads and unpacks a release, and fails if there is none', async () => {
  script('temporal', 'echo temporal version 1.5.1');
  execFileSync('tar', ['-czf', join(folder, 'archive'), '-C', join(folder, 'bin'), 'temporal']);
  const server = createServer((request, response) => {
    response.statusCode = request.url?.startsWith('/v1.5.1/temporal_cli_1.5.1_') ? 200 : 404;
    response.end(readFileSync(join(folder, 'archive')));
  }).listen(0, '127.0.0.1');
  await new Promise((resolve) => server.once('listening', resolve));
  const releases = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  const cache = join(folder, 'cache');
  try {
    await downloadTemporal(cache, 'v1.5.1', logger, { releases });
    expect(readdirSync(cache)).toEqual(['temporal']);
    await expect(downloadTemporal(cache, 'v9.9.9', logger, { releases })).rejects.toThrow(/answered 404/);
    expect(readdirSync(cache)).toEqual(['temporal']);
  } finally {
    server.close();
  }
});
