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
    .option('--url <url>', 'address of the hive (default: that of the hive running on HIVE_DATA_DIR)')
    .option('--token <token>', 'API token (default: HIVE_TOKEN, or else the admin token in HIVE_DATA_DIR)');
}

/** @returns undefined if neither the options nor HIVE_DATA_DIR give an address and a token */
export async function findHive({ url, token }: HiveOptions): Promise<HiveAddress | undefined> {
  const { dataDir } = readConfig();
  const address = url ?? (await readRunning(dataDir))?.url;
  const credential = token ?? process.env['HIVE_TOKEN'] ?? (await readAdminToken(dataDir));
  if (address === undefined || credential === undefined) return undefined;
  if (!/^https?:\/\//.test(address) || !URL.canParse(address)) {
    throw new UsageError(`--url is ${JSON.stringify(address.slice(0, 80))}; allowed: an http:// or https:// URL`);
  }
  return { url: address, token: credential };
}

/** What to do where it is unknown which hive to talk to. */
export const NO_HIVE = 'give --url and --token, or set HIVE_DATA_DIR to the data directory of a running hive';

/** @throws UsageError if it is unknown which hive to talk to */
export async function connectToHive(options: HiveOptions): Promise<HiveClient> {
  const address = await findHive(options);
  if (!address) throw new UsageError(NO_HIVE);
  return createHiveClient(address);
}
