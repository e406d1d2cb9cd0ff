/** What the demo records, and what `--keep` adds for those who look around: something that runs, something that is cut off. */
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { join } from 'node:path';
import { projectRoot } from '../project-root.js';
import { openSlowLine } from './slow-line.js';
import type { DemoCommand, DemoStage } from './stage.js';

type Say = (text: string) => void;

const ROOT = projectRoot();
const TSC = join(ROOT, 'node_modules', 'typescript', 'bin', 'tsc');
const FAILING_SCRIPT = 'echo "deploying"; echo "error: no such cluster: moon" >&2; echo "giving up" >&2; exit 3';
const played = (name: string) => [process.execPath, fileURLToPath(new URL(`plays/${name}.js`, import.meta.url))];

export const RECORDED: DemoCommand[] = [
  {
    title: "type-check of this project's own sources",
    command: [process.execPath, TSC, '-p', ROOT, '--listFilesOnly'],
  },
  { title: 'a deployment that fails on purpose', command: ['sh', '-c', FAILING_SCRIPT] },
  { title: 'twenty thousand lines', command: ['seq', '-f', 'step %.0f of 20000', '1', '20000'] },
  { title: 'a build with colours and a progress bar', command: played('build') },
  { title: 'Find out why a payment is tried twice only', executor: 'CLAUDE_CODE', command: played('agent') },
];

const LINES = 150_000;
const LAPTOP = 'demo-laptop';
/** Slow enough that it can be cut in the middle. */
const BYTES_PER_SECOND = 60_000;
const CUT_AT = 0.3;

/** An attempt that goes on as long as the demo does. */
export async function keepRunning(stage: DemoStage, say: Say): Promise<void> {
  const { attemptId } = await stage.begin({ title: 'tests that run on and on', command: played('tests') });
  say(`   ${attemptId}  runs, and prints`);
}

/** A second node, whose line to the hive breaks while its attempt is backfilled. */
export async function cutOff(stage: DemoStage, say: Say): Promise<void> {
  const command = ['seq', '-f', '%.0f bottles of beer on the wall', String(LINES), '-1', '1'];
  const [attemptId = ''] = await stage.record([{ title: 'a long list on a laptop', command }], say, LAPTOP);
  const line = await openSlowLine(stage.hiveUrl, BYTES_PER_SECOND);
  await stage.connectNode(LAPTOP, line.url);
  for (;;) {
    const [listed] = await stage.list([attemptId]);
    if (listed && listed.lines_stored > LINES * CUT_AT) {
      line.cut();
      say(`   ${attemptId}  cut off: the hive has ${listed.lines_stored} of ${listed.lines_declared} lines`);
      return;
    }
    await sleep(20);
  }
}
