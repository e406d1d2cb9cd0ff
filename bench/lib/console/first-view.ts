/** The first view: its size, and how long it takes where everything is slow. */
import { openDatabase } from '../../../prisma/client.js';
import { ensureDefaultOrganization } from '../../../prisma/queries/organization.js';
import { THROTTLED, Transfers } from '../../../tests/console/harness/transfers.js';
import { seedAttempt, seedExecution, seedNode } from '../../../tests/harness/seed.js';
import { median, progress } from '../figures.js';
import type { Stage } from '../stage.js';
import { drawn, openMeasured, print, type Scene } from './scene.js';

const ATTEMPTS = 200;
const LINK_TO_ATTEMPT = 'a[href^="/attempts/"]';

export async function firstView(scene: Scene): Promise<void> {
  const { stage, hive, quick } = scene;
  await seedAttempts(stage);
  const { mbitPerSecond, roundTripMs, cpuSlowdown } = THROTTLED;
  const profile = `${mbitPerSecond} Mbit/s, ${roundTripMs} ms round trip, processor ${cpuSlowdown} times slower`;
  progress(`console: first views, ${profile}`);
  const times: number[] = [];
  const paints: number[] = [];
  let program = 0;
  let data = 0;
  for (let round = 0; round < (quick ? 2 : 9); round++) {
    const page = await openMeasured(scene);
    const transfers = await Transfers.of(page);
    await transfers.throttle();
    await page.goto(`${hive.url}/attempts`, { waitUntil: 'commit' });
    times.push(await drawn(page, LINK_TO_ATTEMPT));
    // what follows idly counts too
    await page.waitForTimeout(1500);
    paints.push(await page.evaluate<number>('timings.largestPaint'));
    program = Math.max(program, transfers.programBytes());
    data = Math.max(data, transfers.dataBytes());
    await scene.visits.end();
  }
  const goal = 'value < 1000';
  print({ metric: 'first_view_kib', unit: 'KiB', value: program / 1024, goal: 'value < 100', note: 'compressed' });
  print({ metric: 'first_view_data_kib', unit: 'KiB', value: data / 1024, goal: null, note: 'answers of the API' });
  print({ metric: 'first_view_ms', unit: 'ms', value: median(times), goal, note: `attempts are drawn; ${profile}` });
  print({ metric: 'first_view_largest_paint_ms', unit: 'ms', value: median(paints), goal, note: profile });
}

async function seedAttempts(stage: Stage): Promise<void> {
  const database = openDatabase(stage.databaseUrl, 1);
  try {
    const { id: organizationId } = await ensureDefaultOrganization(database);
    const nodeId = await seedNode(database, organizationId, { online: false });
    for (let count = 0; count < ATTEMPTS; count++) {
      const metadata = { title: `attempt ${count}`, branch: `vk/${count}` };
      const attemptId = await seedAttempt(database, { organizationId, nodeId, state: 'complete', metadata });
      await seedExecution(database, { attemptId, nodeId, ordinal: 1 });
    }
  } finally {
    await database.$disconnect();
  }
}
