import { Command } from 'commander';
import { readStoredConfig } from '../config-file.js';
import { readConfig } from '../config.js';
import { messageOf } from '../errors.js';
import { configuredPrune } from '../prune-rule.js';
import { ConnectLock } from '../store/connect-lock.js';
import { readConnectionRecord } from '../store/connection-record.js';
import type { Store } from '../store/open.js';
import { spaceOf } from '../store/space.js';
import { SELECT_STATUS } from '../store/sql.js';
import { standings, type StandingCount } from '../store/standing.js';
import { describeStatus } from './describe-status.js';
import { jsonLine, print } from './print.js';
import { withStore } from './with-store.js';

interface Counts {
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
  /** Executions with lines that could not be stored. */
  dropped: number;
  /** Secrets masked in stored output. */
  masked: number;
}

/** What `--json` prints. Times are RFC 3339 in UTC. */
export interface Status extends Counts {
  machine_id: string;
  name: string;
  data_dir: string;
  hive_url: string;
  standings: StandingCount[];
  sizes: {
    database_bytes: number;
    reusable_bytes: number;
    spool_bytes: number;
    set_aside: { name: string; bytes: number }[];
    disk_free_bytes: number | null;
  };
  connect: {
    /** Known by a lock, so it is true even after a kill -9. */
    running: boolean;
    pid: number | null;
    /** The hive that it was started for. */
    hive_url: string | null;
    started_at: string | null;
    stopped_at: string | null;
    connected_since: string | null;
    last_connected_at: string | null;
    last_error: { at: string; reason: string } | null;
    last_prune: { at: string; outcome: string } | null;
  };
  automatic_prune: { older_than_days?: number | undefined; max_size_bytes?: number | undefined } | null;
  warnings: string[];
}

export function statusCommand(): Command {
  return new Command('status')
    .description('Show what this machine has recorded, what the hive has of it, and whether they are connected.')
    .option('--json', 'print one JSON object')
    .action((options: { json?: boolean }) =>
      withStore((store) => {
        const status = statusOf(store);
        return print(options.json ? [jsonLine(status)] : describeStatus(status));
      }),
    );
}

function statusOf(store: Store): Status {
  const config = readConfig();
  const warnings = [...config.warnings];
  const space = spaceOf(store);
  return {
    machine_id: store.machineId(),
    name: config.name,
    data_dir: config.dataDir,
    hive_url: config.hiveUrl,
    ...store.one<Counts>(SELECT_STATUS),
    standings: standings(store),
    sizes: {
      database_bytes: space.database,
      reusable_bytes: space.reusable,
      spool_bytes: space.spools,
      set_aside: space.setAside,
      disk_free_bytes: space.diskFree ?? null,
    },
    connect: connectOf(store.dataDir),
    automatic_prune: automaticPrune(warnings),
    warnings,
  };
}

function connectOf(dataDir: string): Status['connect'] {
  const running = ConnectLock.isHeld(dataDir);
  const record = readConnectionRecord(dataDir);
  return {
    running,
    pid: record?.pid ?? null,
    hive_url: record?.hive_url ?? null,
    started_at: record?.started_at ?? null,
    stopped_at: running ? null : (record?.stopped_at ?? null),
    connected_since: running ? (record?.connected_since ?? null) : null,
    last_connected_at: record?.last_connected_at ?? null,
    last_error: record?.last_error ?? null,
    last_prune: record?.last_prune ?? null,
  };
}

function automaticPrune(warnings: string[]): Status['automatic_prune'] {
  try {
    const rule = configuredPrune(readStoredConfig().prune);
    return rule ? { older_than_days: rule.olderThanDays, max_size_bytes: rule.maxBytes } : null;
  } catch (error) {
    warnings.push(messageOf(error));
    return null;
  }
}
