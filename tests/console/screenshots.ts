/**
 * `npm run screenshots`: the pictures of the console in docs/images/, from a real hive with real recordings.
 * `-- --all DIRECTORY` makes one of every page instead, dark and light, on a desktop and a phone, to be looked at.
 */
import { mkdirSync } from 'node:fs';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import type { Browser, Page } from 'playwright-core';
import { projectRoot } from '../../workers/project-root.js';
import { NodeAgent } from '../harness/node-agent.js';
import { forkHive } from '../harness/processes.js';
import { until } from '../harness/until.js';
import { openBrowser } from './harness/chromium.js';
import {
  BUILD,
  CODING_AGENT,
  cutOffMidDrain,
  ENDLESS_TESTS,
  listAttempts,
  record,
  startRecording,
  TWENTY_THOUSAND,
  type HiveAccess,
} from './harness/recordings.js';
import { PICTURES_OF_NOTHING, picturesOf, type Picture, type Recorded } from './harness/pictures.js';
import { Visits, type Device, type Theme } from './harness/visits.js';

const { values: options } = parseArgs({ options: { all: { type: 'string' } } });
const say = (text: string) => process.stdout.write(`${text}\n`);

const directory = await mkdtemp(join(tmpdir(), 'hivesync-screenshots-'));
const { program: hiveProgram, url: hiveUrl } = forkHive({
  logFile: join(directory, 'hive.log'),
  env: { HIVE_DATA_DIR: join(directory, 'hive'), HIVE_NODE_TIMEOUT_SECONDS: '3', LOG_LEVEL: 'warn' },
});
const agents: NodeAgent[] = [];
const ends: (() => void)[] = [];
const browser = await openBrowser();

try {
  const hive: HiveAccess = { url: await hiveUrl, token: '' };
  hive.token = (await readFile(join(directory, 'hive', 'admin-token'), 'utf8')).trim();
  say('a hive that nobody has joined');
  await take(browser, hive, PICTURES_OF_NOTHING);
  say('recordings, and a node that is cut off in the middle of a drain');
  const recorded = await recordAll(hive);
  await take(browser, hive, picturesOf(recorded));
} finally {
  await browser.close();
  for (const end of ends) end();
  await Promise.all(agents.map((agent) => agent.stop()));
  await hiveProgram.kill('SIGTERM');
  await rm(directory, { recursive: true, force: true });
}

function newAgent(name: string): NodeAgent {
  const agent = new NodeAgent(join(directory, name), name);
  agents.push(agent);
  return agent;
}

async function newKey({ url, token }: HiveAccess, name: string): Promise<string> {
  const response = await fetch(`${url}/v1/nodes/api-keys`, {
    method: 'POST',
    headers: { authorization: `Bearer ${token}`, 'content-type': 'application/json' },
    body: JSON.stringify({ name }),
  });
  if (!response.ok) throw new Error(`a key for ${name}: ${response.status} ${await response.text()}`);
  return ((await response.json()) as { secret: string }).secret;
}

async function recordAll(hive: HiveAccess): Promise<Recorded> {
  const build = newAgent('build-7');
  const whole = [await record(build, TWENTY_THOUSAND), await record(build, BUILD), await record(build, CODING_AGENT)];
  build.connect(hive.url, await newKey(hive, 'build-7'));
  const laptop = newAgent('laptop-of-mira');
  const [incomplete = ''] = await cutOffMidDrain(hive, laptop, await newKey(hive, 'laptop-of-mira'));
  const runner = newAgent('runner-eu-2');
  runner.connect(hive.url, await newKey(hive, 'runner-eu-2'));
  const tests = startRecording(runner, ENDLESS_TESTS);
  ends.push(() => tests.child.kill('SIGTERM'));
  const running = await tests.attemptId;
  const stateOf = async (id: string) => (await listAttempts(hive)).find((attempt) => attempt.id === id)?.sync_state;
  await until(
    async () => (await Promise.all(whole.map(stateOf))).every((state) => state === 'complete'),
    60_000,
    'what build-7 recorded is complete',
  );
  await until(async () => (await stateOf(incomplete)) === 'partial', 60_000, 'the drain has ended without its node');
  await until(async () => (await stateOf(running)) !== undefined, 60_000, 'the running attempt is known');
  const [long = '', failed = '', conversation = ''] = whole;
  return { long, failed, conversation, incomplete, running };
}

/** The pictures of the docs, or every page in every look. */
async function take(from: Browser, hive: HiveAccess, pictures: Picture[]): Promise<void> {
  const folder = options.all ?? join(projectRoot(), 'docs', 'images');
  mkdirSync(folder, { recursive: true });
  const visits = new Visits(from);
  for (const picture of pictures) {
    for (const [theme, device, file] of looksOf(picture)) {
      const page = await visits.open(hive.url, picture.path, {
        theme,
        device,
        ...(picture.role !== 'nobody' && { token: hive.token }),
        mayFailToLoad: true,
      });
      await settle(page);
      await picture.ready?.(page);
      await page.waitForTimeout(500);
      await page.screenshot({ path: join(folder, file), animations: 'disabled' });
      await page.close();
      say(join(folder, file));
    }
    await visits.end();
  }
}

function looksOf({ name, inDocs = [] }: Picture): [Theme, Device, file: string][] {
  if (options.all === undefined) return inDocs.map(([theme, device, file]) => [theme, device, `console-${file}.png`]);
  const themes: Theme[] = ['light', 'dark'];
  const devices: Device[] = ['desktop', 'phone'];
  return themes.flatMap((theme) =>
    devices.map((device): [Theme, Device, string] => [theme, device, `${name}-${device}-${theme}.png`]),
  );
}

async function settle(page: Page): Promise<void> {
  await page.getByRole('heading', { level: 1 }).first().waitFor({ state: 'attached' });
  await page.waitForTimeout(1200); // what is asked for at once has come, and is drawn
}
