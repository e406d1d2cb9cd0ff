import { Command } from 'commander';
import { sumLogSizes } from '../../prisma/queries/examine-log.js';
import { examineHive, type Summary } from '../doctor/doctor.js';
import { describeFinding } from '../doctor/finding.js';
import { withDatabase } from './database.js';
import { print, type OutputOptions } from './output.js';
import { startProgress } from './progress.js';
import { ExitCode, uuidArgument } from './usage.js';

/** Doctor counts and reads whole tables, and nobody waits for it. */
const STATEMENT_MS = 30 * 60_000;

interface Options extends OutputOptions {
  attempt?: string;
  dryRun?: true;
}

export function doctorCommand(): Command {
  return new Command('doctor')
    .description(
      'Check every stored log page again. Attempts with damaged pages become partial, so that a backfill repairs them.',
    )
    .option('--attempt <id>', 'check only this attempt', uuidArgument)
    .option('--dry-run', 'only report; change nothing')
    .option('--json', 'print JSON: a line for each finding, then one with the totals')
    .action((options: Options) =>
      withDatabase(async (database) => {
        const { attempt: attemptId, dryRun = false, json } = options;
        const progress = startProgress('lines', (await sumLogSizes(database, attemptId)).lines);
        let lines = 0;
        const summary = await examineHive(database, {
          ...(attemptId !== undefined && { attemptId }),
          dryRun,
          onFinding: (finding) => print(json ? JSON.stringify({ finding: toJson(finding) }) : describeFinding(finding)),
          onLines: (count) => progress.set((lines += count)),
        }).finally(() => progress.stop());
        if (attemptId !== undefined && summary.attempts === 0) throw new Error(`no attempt has the id ${attemptId}`);
        print(json ? JSON.stringify({ summary: toJson(summary) }) : describeSummary(summary));
        if (summary.findings > 0) process.exitCode = ExitCode.failed;
      }, STATEMENT_MS),
    );
}

function describeSummary({ attempts, executions, pages, lines, findings, repaired, absentNodes }: Summary): string {
  const found = findings === 0 ? 'nothing is damaged' : `${findings} findings, ${repaired} repaired`;
  const absent =
    absentNodes === 0
      ? ''
      : `\n${absentNodes} nodes are not connected: what this database lacks of them altogether shows when they connect`;
  return `${attempts} attempts, ${executions} executions, ${pages} pages, ${lines} lines: ${found}${absent}`;
}

/** In JSON, field names are snake_case, and what is paused is called held, as in the API. */
function toJson(value: object): Record<string, unknown> {
  return Object.fromEntries(
    Object.entries(value).map(([name, field]) => [
      (name === 'isPaused' ? 'isHeld' : name).replace(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`),
      field,
    ]),
  );
}
