/** What nodes recorded: real commands, run under the real `node-agent run`. */
import { execFileSync } from 'node:child_process';
import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import type { NodeAgent } from '../../harness/node-agent.js';
import { until } from '../../harness/until.js';
import { openSlowLine } from '../../../workers/demo/slow-line.js';
import { projectRoot } from '../../../workers/project-root.js';

/** What the demo records, too. */
function play(name: string): string[] {
  return [process.execPath, join(projectRoot(), 'dist', 'workers', 'demo', 'plays', `${name}.js`)];
}

export interface Recording {
  title: string;
  executor?: string;
  /** Of the repository in which it runs. */
  branch?: string;
  command: string[];
}

/** A coding agent that mends a test, as its stream of JSON tells it. */
export const CODING_AGENT: Recording = {
  title: 'find out why a payment is tried twice only',
  executor: 'CLAUDE_CODE',
  branch: 'vk/retry',
  command: play('agent'),
};
/** What it says at its beginning and at its end. */
export const AGENTS_FIRST_WORDS = /run the test that fails first/;
export const AGENTS_LAST_WORDS = /All 98 tests pass/;

/** Fails, after it has printed on both outputs. */
export const BUILD: Recording = {
  title: 'build, and deploy to the moon',
  branch: 'vk/moon',
  command: [
    'sh',
    '-c',
    '"$@"; echo "deploying"; echo "error: no such cluster: moon" >&2; echo "giving up" >&2; exit 3',
    'sh',
    ...play('build'),
  ],
};

export const TWENTY_THOUSAND: Recording = {
  title: 'twenty thousand lines',
  branch: 'main',
  command: ['seq', '-f', 'step %.0f of 20000', '1', '20000'],
};

/** Goes on until somebody ends it. */
export const ENDLESS_TESTS: Recording = {
  title: 'tests that run on and on',
  branch: 'vk/search-page',
  command: play('tests'),
};

const LONG_LINES = 60_000;

/** Long enough that they can be cut off in the middle, on a slow line. */
export const LONG: Recording[] = ['rename the package', 'migrate the queue', 'find the leak'].map((title) => ({
  title,
  executor: 'CODEX',
  branch: `vk/${title.replaceAll(' ', '-')}`,
  command: ['seq', '-f', `${title}: step %.0f of ${LONG_LINES}`, '1', String(LONG_LINES)],
}));
const BYTES_PER_SECOND = 60_000;

/** Records it to its end, in a repository whose branch is the recording's. @returns the attempt's id */
export async function record(agent: NodeAgent, recording: Recording): Promise<string> {
  const { attemptId } = await agent.record(recording.command, optionsOf(recording), repositoryOf(agent, recording));
  return attemptId;
}

/** Starts it. It ends when its process is ended. */
export function startRecording(agent: NodeAgent, recording: Recording): ReturnType<NodeAgent['startRecording']> {
  return agent.startRecording(recording.command, optionsOf(recording), repositoryOf(agent, recording));
}

function optionsOf({ title, executor }: Recording): string[] {
  return ['--title', title, ...(executor === undefined ? [] : ['--executor', executor])];
}

function repositoryOf(agent: NodeAgent, { branch }: Recording): string | undefined {
  if (branch === undefined) return undefined;
  const directory = join(`${agent.directory}-work`, branch.replaceAll('/', '-'));
  mkdirSync(directory, { recursive: true });
  execFileSync('git', ['init', '--quiet', '--initial-branch', branch, directory]);
  return directory;
}

/** What is asked of a hive, as an admin. */
export interface HiveAccess {
  url: string;
  token: string;
}

interface ListedAttempt {
  id: string;
  sync_state: string;
  lines_stored: number;
  lines_declared: number;
}

export async function listAttempts({ url, token }: HiveAccess): Promise<ListedAttempt[]> {
  const response = await fetch(`${url}/v1/swarm/attempts?limit=1000`, {
    headers: { authorization: `Bearer ${token}` },
  });
  if (!response.ok) throw new Error(`listing attempts: ${response.status} ${await response.text()}`);
  return ((await response.json()) as { attempts: ListedAttempt[] }).attempts;
}

/**
 * A node comes back with long logs, and its line is cut while they are on their way.
 * @returns the ids of the attempts, none of which is whole
 */
export async function cutOffMidDrain(hive: HiveAccess, agent: NodeAgent, key: string): Promise<string[]> {
  const ids: string[] = [];
  for (const recording of LONG) ids.push(await record(agent, recording));
  const line = await openSlowLine(hive.url, BYTES_PER_SECOND);
  try {
    agent.connect(line.url, key);
    const isOnItsWay = ({ id, lines_stored: stored, lines_declared: declared }: ListedAttempt) =>
      ids.includes(id) && stored > 0 && stored < declared;
    const isDraining = async () => (await listAttempts(hive)).some(isOnItsWay);
    await until(isDraining, 60_000, 'a log is on its way');
  } finally {
    line.cut();
  }
  await agent.stop('SIGKILL');
  return ids;
}
