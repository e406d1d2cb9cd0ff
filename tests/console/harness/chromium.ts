/** The browser that pages are tried in: the machine's Chromium if there is one, else the one that npm brings. */
import { execFile } from 'node:child_process';
import { constants } from 'node:fs';
import { access, mkdir, mkdtemp, rename, rm } from 'node:fs/promises';
import { delimiter, join } from 'node:path';
import { promisify } from 'node:util';
import { chromium, type Browser } from 'playwright-core';
import { projectRoot } from '../../../workers/project-root.js';

const run = promisify(execFile);
const COMMANDS = ['chromium', 'chromium-browser', 'google-chrome'];

/** The first start reads the whole program, on a machine that starts a hive and other tests at the same time. */
const LAUNCH_MS = 90_000;

/** A page in the background is drawn and timed as one in front. */
const ARGUMENTS = [
  '--disable-background-timer-throttling',
  '--disable-backgrounding-occluded-windows',
  '--disable-renderer-backgrounding',
  '--disable-component-update',
  '--disable-gpu',
];

/** @throws Error that says what was tried if no browser can be started */
export async function openBrowser(): Promise<Browser> {
  return chromium.launch({ executablePath: await findBrowser(), args: ARGUMENTS, headless: true, timeout: LAUNCH_MS });
}

async function findBrowser(): Promise<string> {
  const path = process.env['HIVESYNC_TEST_BROWSER'] ?? (await onPath());
  return path === undefined || path === 'npm' ? fromNpm() : path;
}

async function onPath(): Promise<string | undefined> {
  const folders = (process.env['PATH'] ?? '').split(delimiter).filter((folder) => folder !== '');
  for (const file of COMMANDS.flatMap((command) => folders.map((folder) => join(folder, command)))) {
    if (await isProgram(file)) return file;
  }
  return undefined;
}

/**
 * The package's own arguments are not for tests: they switch off what keeps sites apart, and run everything in one process,
 * which ends with the first window.
 */
async function fromNpm(): Promise<string> {
  try {
    return await unpacked();
  } catch (cause) {
    throw new Error(
      `no browser: PATH has none of ${COMMANDS.join(', ')}, and the package @sparticuz/chromium can't be used here. ` +
        'Install one of them, or name a Chromium in HIVESYNC_TEST_BROWSER.',
      { cause },
    );
  }
}

/** Unpacks it once, aside: of test processes that begin together, none may start what another is still writing. */
async function unpacked(): Promise<string> {
  const cache = join(projectRoot(), 'node_modules', '.cache');
  const folder = join(cache, 'chromium');
  const program = join(folder, 'chromium');
  if (await isProgram(program)) return program;
  await mkdir(cache, { recursive: true });
  const aside = await mkdtemp(`${folder}-`);
  await run(process.execPath, [join(projectRoot(), 'tests', 'harness', 'unpack-chromium.mjs')], {
    env: { ...process.env, TMPDIR: aside, NODE_OPTIONS: '' },
  });
  await rename(aside, folder).catch(async (error: unknown) => {
    await rm(aside, { recursive: true, force: true });
    if (!(await isProgram(program))) throw error; // another process was first
  });
  return program;
}

function isProgram(file: string): Promise<boolean> {
  return access(file, constants.X_OK).then(
    () => true,
    () => false,
  );
}
