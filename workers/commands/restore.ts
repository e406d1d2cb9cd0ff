import { resolve } from 'node:path';
import { Command } from 'commander';
import { checkBackup, type CheckedBackup } from '../backup/check-backup.js';
import { makeEmbeddedDatabase } from '../backup/embedded-database.js';
import { restoreBackup } from '../backup/restore-backup.js';
import { readConfig } from '../config.js';
import { createLogger } from '../logger.js';
import { startByteProgress, untilSignal } from './long-work.js';
import { print, type OutputOptions } from './output.js';
import { UsageError } from './usage.js';

interface Options extends OutputOptions {
  replace?: boolean;
}

export function restoreCommand(): Command {
  return new Command('restore')
    .description('Bring a backup back, into an empty data directory or, with DATABASE_URL, into an empty database.')
    .argument('<file>', 'a file that `hive backup` has made')
    .option('--replace', "put the data directory's database aside, and keep it")
    .option('--json', 'print JSON')
    .action(async (file: string, { replace = false, json }: Options) => {
      const config = readConfig();
      const { databaseUrl, directDatabaseUrl: directUrl } = config;
      if (databaseUrl !== undefined && replace) {
        throw new UsageError('--replace is for the embedded database; for DATABASE_URL, make an empty database');
      }
      const path = resolve(file);
      const backup = await checkBackup(path);
      const progress = startByteProgress(backup.bytes);
      const logger = createLogger({ ...config, logLevel: 'warn' });
      const former = await untilSignal(async (signal) => {
        const options = { signal, onBytes: (bytes: number) => progress.set(bytes) };
        if (databaseUrl !== undefined) {
          await restoreBackup(databaseUrl, path, backup, logger, { ...options, directUrl });
          return undefined;
        }
        return makeEmbeddedDatabase(config.dataDir, replace, logger, (url) =>
          restoreBackup(url, path, backup, logger, options),
        );
      }).finally(() => progress.stop());
      report(path, backup, former, json);
    });
}

function report(path: string, backup: CheckedBackup, former: string | undefined, json: boolean | undefined): void {
  const { createdAt, installation } = backup;
  const rows = Object.values(backup.rows).reduce((total, count) => total + count, 0);
  if (json) {
    print(JSON.stringify({ file: path, rows, created_at: createdAt, installation, former_database: former ?? null }));
    return;
  }
  print(`restored ${rows} rows, as they were at ${createdAt}; nodes announce what is newer when they connect`);
  if (former !== undefined) print(`the former database is in ${former}; remove it when you don't need it any more`);
  if (installation) {
    print(
      `the installation is ${installation}: if its original goes on in the same Temporal namespace, set HIVE_INSTALLATION`,
    );
  }
}
