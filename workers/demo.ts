/**
 * `npm run demo`: the main job with real processes and services, in a temporary directory. `-- --keep` leaves it
 * running until Ctrl-C.
 */
import { rm } from 'node:fs/promises';
import { parseArgs } from 'node:util';
import { printableLines } from '../protocol/printable.js';
import { cutOff, keepRunning, RECORDED } from './demo/recordings.js';
import { showAttempt, showConsole, showLinks } from './demo/report.js';
import { DemoStage } from './demo/stage.js';

const { values: options } = parseArgs({ options: { keep: { type: 'boolean', default: false } } });

const say = (text: string) => process.stdout.write(`${printableLines(text)}\n`);
const stage = await DemoStage.create();
let exitCode = 1;

async function tearDown(): Promise<void> {
  await stage.stop();
  await rm(stage.directory, { recursive: true, force: true });
}

for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) {
  process.once(signal, () => {
    say(`\n${signal}: stopping node and hive`);
    void tearDown().finally(() => process.exit(options.keep ? exitCode : 130));
  });
}

try {
  say('1. A node records commands while no hive runs');
  const attempts = await stage.record(RECORDED, say);

  say('\n2. The hive starts: PostgreSQL, Temporal, gateway, API, workers');
  await stage.startHive(say);

  say('\n3. The node connects; the hive sees the gaps and backfills them');
  const started = performance.now();
  await stage.connectNode();
  await stage.untilComplete(attempts, say);
  say(`   all complete ${((performance.now() - started) / 1000).toFixed(1)} s after the node started`);

  say('\n4. What the API gives now');
  for (const attemptId of attempts) await showAttempt(stage, attemptId, say);
  await showLinks(stage, attempts, say);
  exitCode = 0;
  if (options.keep) {
    say('\n5. Something to look at');
    await keepRunning(stage, say);
    await cutOff(stage, say);
  }
  await showConsole(stage, say, options);
  if (options.keep) {
    say('   Running until Ctrl-C.');
    await new Promise(() => setInterval(() => undefined, 60_000));
  }
} catch (error) {
  say(`demo failed: ${error instanceof Error ? error.message : String(error)}`);
  say(`--- the end of the hive's log:\n${await stage.hiveLog()}`);
}
await tearDown();
process.exit(exitCode);
