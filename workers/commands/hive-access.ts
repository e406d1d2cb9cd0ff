/** Which hive a command talks to. */
import type { Command } from 'commander';
import { createHiveClient, type HiveAddress, type HiveClient } from '../../api/client/client.js';
import { readConfig } from '../config.js';
import { readAdminToken, readRunning } from '../data-files.js';
import { UsageError } from './usage.js';

export interface HiveOptions {
  url?: string;
  token?: string;
}

export function addHiveOptions(command: Command): Command {
  return command
    .option('--url <url>', "the hive's address; else that of the hive on HIVE_DATA_DIR")
    .option('--token <token>', 'an API token; else HIVE_TOKEN, or the admin token in HIVE_DATA_DIR');
}

/** Undefined where neither the options nor HIVE_DATA_DIR tell. */
export async function findHive({ url, token }: HiveOptions): Promise<HiveAddress | undefined> {
  const { dataDir } = readConfig();
  const address = url ?? (await readRunning(dataDir))?.url;
  const credential = token ?? process.env['HIVE_TOKEN'] ?? (await readAdminToken(dataDir));
  if (address === undefined || credential === undefined) return undefined;
  if (!/^https?:\/\//.test(address) || !URL.canParse(address)) {
    throw new UsageError(`--url: ${JSON.stringify(address.slice(0, 80))} is not an http:// or https:// URL`);
  }
  return { url: address, token: credential };
}

/** @throws UsageError */
export async function connectToHive(options: HiveOptions): Promise<HiveClient> {
  const address = await findHive(options);
  if (!address) throw new UsageError('give --url and --token, or HIVE_DATA_DIR of a running hive');
  return createHiveClient(address);
}
