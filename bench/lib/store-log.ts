import { openDatabase } from '../../prisma/client.js';
import { ensureDefaultOrganization } from '../../prisma/queries/organization.js';
import { PAGE_TARGET_LINES } from '../../protocol/limits.js';
import type { LogLine } from '../../protocol/page.js';
import { sampleLine } from '../../tests/harness/sample-lines.js';
import { appendPage, seedAttempt, seedExecution, seedNode } from '../../tests/harness/seed.js';
import type { Stage } from './stage.js';

/** Stores the log of one attempt, without a node. @returns the attempt's id */
export async function storeLog(stage: Stage, lines: number): Promise<string> {
  const database = openDatabase(stage.databaseUrl, 1);
  try {
    const { id: organizationId } = await ensureDefaultOrganization(database);
    const nodeId = await seedNode(database, organizationId, { online: false });
    const attemptId = await seedAttempt(database, { organizationId, nodeId, state: 'complete' });
    const executionId = await seedExecution(database, { attemptId, nodeId, ordinal: 1, declaredLines: lines });
    for (let first = 1; first <= lines; first += PAGE_TARGET_LINES) {
      stage.signal.throwIfAborted();
      const page = Array.from({ length: PAGE_TARGET_LINES }, (_, index) => sampleLine(first + index));
      await appendPage(
        database,
        executionId,
        page.map((line) => JSON.parse(line) as LogLine),
      );
    }
    return attemptId;
  } finally {
    await database.$disconnect();
  }
}
