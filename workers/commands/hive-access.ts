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
    .option('--url <url>', 'address of the hive (default: HIVE_URL, or else the hive that runs on HIVE_DATA_DIR)')
    .option(
      '--token <token>',
      'API token (default: HIVE_TOKEN; for a hive of this machine the admin token in HIVE_DATA_DIR)',
    );
}

/** @returns the hive that somebody named, by --url or HIVE_URL; undefined if nobody did */
export function namedHive({ url }: HiveOptions): string | undefined {
  if (url !== undefined) return webUrl('--url', url);
  const fromEnvironment = process.env['HIVE_URL']?.trim();
  return fromEnvironment ? webUrl('HIVE_URL', fromEnvironment) : undefined;
}

/**
 * @returns undefined if neither the options nor the environment nor HIVE_DATA_DIR give an address
 * @throws UsageError if the address is wrong, or there is no token for it
 */
export async function findHive(options: HiveOptions): Promise<HiveAddress | undefined> {
  const { dataDir } = readConfig();
  const running = (await readRunning(dataDir))?.url;
  const url = namedHive(options) ?? running;
  if (url === undefined) return undefined;
  const fromEnvironment = process.env['HIVE_TOKEN']?.trim();
  const given = options.token ?? (fromEnvironment === '' ? undefined : fromEnvironment);
  // the admin token is of the hive of this directory: no other machine must see it
  const token = given ?? (url === running || isThisMachine(url) ? await readAdminToken(dataDir) : undefined);
  if (token === undefined) throw new UsageError(`there is no token for ${url}: set HIVE_TOKEN, or give --token`);
  return { url, token };
}

/** What to do where it is unknown which hive to talk to. */
export const NO_HIVE =
  'which hive? Set HIVE_URL (or give --url) and HIVE_TOKEN, or set HIVE_DATA_DIR to the data directory of a running hive';

/** @throws UsageError if it is unknown which hive to talk to */
export async function connectToHive(options: HiveOptions): Promise<HiveClient> {
  const address = await findHive(options);
  if (!address) throw new UsageError(NO_HIVE);
  return createHiveClient(address);
}

/** Nodes call the same hive ws://HOST. */
function webUrl(name: string, text: string): string {
  const url = text.replace(/^ws(s?):\/\//, 'http$1://').replace(/\/+$/, '');
  if (!/^https?:\/\//.test(url) || !URL.canParse(url)) {
    throw new UsageError(`${name} is ${JSON.stringify(text.slice(0, 80))}; allowed: an http:// or https:// URL`);
  }
  return url;
}

function isThisMachine(url: string): boolean {
  const { hostname } = new URL(url);
  return hostname === 'localhost' || hostname === '[::1]' || hostname.startsWith('127.');
}
