import { Command } from 'commander';
import { readConfig } from '../config.js';
import { SELECT_STATUS } from '../store/sql.js';
import { counted } from '../counted.js';
import { print } from './print.js';
import { withStore } from './with-store.js';

interface StatusRow {
  attempts: number;
  complete: number;
  unacknowledged: number;
  /** Acknowledged a moment ago: if the connection ends now, they are announced again. */
  uncovered: number;
  refused: number;
  /** Attempts whose lines were pruned: only their descriptions are left. */
  pruned: number;
  executions: number;
  running: number;
  log_lines: number;
}

export function statusCommand(): Command {
  return new Command('status')
    .description('Show what this machine has recorded and how much of it the hive has acknowledged.')
    .option('--json', 'print one JSON object')
    .action((options: { json?: boolean }) =>
      withStore((store) => {
        const config = readConfig();
        const counts = store.one<StatusRow>(SELECT_STATUS);
        const status = {
          machine_id: store.machineId(),
          name: config.name,
          data_dir: config.dataDir,
          hive_url: config.hiveUrl,
          ...counts,
        };
        if (options.json) return print([JSON.stringify(status)]);
        return print([
          `node        ${status.name} (${status.machine_id})`,
          `store       ${status.data_dir}`,
          `hive        ${status.hive_url}`,
          `attempts    ${counts.attempts}: ${counts.complete} complete in the hive, ${counts.unacknowledged} with changes to announce`,
          ...(counts.uncovered > 0
            ? [`            ${counts.uncovered} acknowledged only just: announced again if the connection ends now`]
            : []),
          ...(counts.refused > 0
            ? [`            ${counts.refused} refused by the hive (\`node-agent attempts\` says why)`]
            : []),
          ...(counts.pruned > 0
            ? [`pruned      ${counted(counts.pruned, 'attempt')}: only the hive has their lines`]
            : []),
          `executions  ${counts.executions}: ${counts.running} running`,
          `log lines   ${counts.log_lines}`,
        ]);
      }),
    );
}
