import { execFile } from 'node:child_process';
import { cp, mkdir, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { expect, test } from '@jest/globals';
import { projectRoot } from '../workers/project-root.js';

test('an installation without development dependencies says how to get what they would have built', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'hivesync-prepare-'));
  try {
    await mkdir(join(folder, 'workers'));
    for (const file of ['package.json', 'workers/prepare.mjs']) await cp(join(projectRoot(), file), join(folder, file));
    const { stderr } = await promisify(execFile)('npm', ['run', 'prepare'], { cwd: folder });
    expect(stderr).toContain('npm ci && npm prune --omit=dev');
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
});
