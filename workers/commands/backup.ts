import { resolve } from 'node:path';
import { Command } from 'commander';
import { hasEmbeddedDatabase, withEmbeddedDatabase } from '../backup/embedded-database.js';
import { makeBackup } from '../backup/make-backup.js';
import { readConfig, type HiveConfig } from '../config.js';
import { createLogger } from '../logger.js';
import { databaseUrlOf } from './database.js';
import { megabytes, startByteProgress, untilSignal } from './long-work.js';
import { print, type OutputOptions } from './output.js';

export function backupCommand(): Command {
  return new Command('backup')
    .description("Copy the hive's database into a file, also while the hive runs. `hive restore` brings it back.")
    .argument('<file>', 'the file to make; it contains everything that nodes have sent, and only you can read it')
    .option('--json', 'print JSON')
    .action(async (file: string, { json }: OutputOptions) => {
      const path = resolve(file);
      const progress = startByteProgress(0);
      const summary = await untilSignal((signal) =>
        withDatabaseUrl(readConfig(), (url) =>
          makeBackup(url, path, { signal, onBytes: (bytes) => progress.set(bytes) }),
        ),
      ).finally(() => progress.stop());
      const { tables, rows, bytes, createdAt } = summary;
      print(
        json
          ? JSON.stringify({ file: path, tables, rows, bytes, created_at: createdAt })
          : `${path}: ${rows} rows of ${tables} tables, ${bytes < 1e6 ? `${Math.ceil(bytes / 1e3)} kB` : `${megabytes(bytes)} MB`}`,
      );
    });
}

/** An embedded database need not run: it is started for the backup. */
function withDatabaseUrl<T>(config: HiveConfig, work: (url: string) => Promise<T>): Promise<T> {
  if (config.databaseUrl === undefined && hasEmbeddedDatabase(config.dataDir)) {
    return withEmbeddedDatabase(config.dataDir, createLogger({ ...config, logLevel: 'warn' }), work);
  }
  return databaseUrlOf(config).then(work);
}
