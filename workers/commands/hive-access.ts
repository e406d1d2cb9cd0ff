/** Which hive a command talks to, and with whose token. Loads no more than it needs: every reader's command starts here. */
import { resolve } from 'node:path';
import { Option, type Command } from 'commander';
import { createHiveClient, HiveApiError, type HiveAddress, type HiveClient } from '../../api/client/client.js';
import { ConfigError } from '../config-error.js';
import { readAdminToken, readRunning } from '../data-files.js';
import { readProfiles, type Profiles } from './profile-file.js';
import { UsageError } from './usage.js';

export interface HiveOptions {
  url?: string;
  token?: string;
  profile?: string;
}

export interface FoundHive extends HiveAddress {
  /** Where the token is from, for people: `HIVE_TOKEN`. */
  tokenFrom: string;
  /** Whether somebody said which hive; otherwise it is the one that runs on this directory. */
  isNamed: boolean;
}

export function addHiveOptions(command: Command): Command {
  const options = [
    new Option('--url <url>', 'its address (default: HIVE_URL, or --profile, or the one that runs on HIVE_DATA_DIR)'),
    new Option(
      '--token <token>',
      'API token (default: HIVE_TOKEN, or that of the profile; for a hive of this machine the admin token in HIVE_DATA_DIR)',
    ),
    new Option('--profile <name>', 'a hive of `hive profiles` (default: HIVE_PROFILE, or the last one logged in to)'),
  ];
  for (const option of options) command.addOption(option.helpGroup('Which hive:'));
  return command;
}

/**
 * In this order: --url or --profile, HIVE_URL, HIVE_PROFILE, the hive of the last login, the hive on HIVE_DATA_DIR.
 * @returns undefined if none of them names a hive
 * @throws UsageError if the address is wrong, or there is no token for it
 */
export async function findHive(options: HiveOptions): Promise<FoundHive | undefined> {
  const hive = await locateHive(options);
  // otherwise what sends it would quote it
  if (hive && !isToken(hive.token)) {
    throw new UsageError(`${hive.tokenFrom} holds no token: it has spaces, line ends or characters that none has`);
  }
  return hive;
}

/** @returns whether a header can carry it */
export function isToken(text: string): boolean {
  return /^[\x21-\x7e]{1,8192}$/.test(text);
}

async function locateHive(options: HiveOptions): Promise<FoundHive | undefined> {
  if (options.url !== undefined && options.profile !== undefined) {
    throw new UsageError('--url and --profile each name a hive: give one of them');
  }
  const known = await readProfiles();
  const profile =
    options.profile ?? (namedUrl(options) === undefined ? (variable('HIVE_PROFILE') ?? known.current) : null);
  if (profile !== null) return hiveOfProfile(known, profile, options);
  const dataDir = dataDirectory();
  const running = (await readRunning(dataDir))?.url;
  const named = namedUrl(options);
  const url = named ?? running;
  if (url === undefined) return undefined;
  return { url, ...(await tokenFor(url, { options, known, dataDir, running })), isNamed: named !== undefined };
}

/** What to do where it is unknown which hive to talk to. */
export const NO_HIVE =
  'which hive? Set HIVE_URL (or give --url) and HIVE_TOKEN, or run hive login URL, or set HIVE_DATA_DIR to the data directory of a running hive';

/** @throws UsageError if it is unknown which hive to talk to */
export async function requireHive(options: HiveOptions): Promise<FoundHive> {
  const hive = await findHive(options);
  if (!hive) throw new UsageError(NO_HIVE);
  return hive;
}

/** @throws UsageError if it is unknown which hive to talk to */
export async function connectToHive(options: HiveOptions): Promise<HiveClient> {
  return clientOf(await requireHive(options));
}

/** Where a token is refused, the error says whence it was. */
export function clientOf(hive: FoundHive): HiveClient {
  const client = createHiveClient(hive);
  client.use({
    async onResponse({ response }) {
      if (refusesToken(response.status)) throw await apiErrorOf(response, hive);
    },
  });
  return client;
}

/** @returns what the hive answered, which was no success, as an error */
export async function apiErrorOf(response: Response, hive: FoundHive): Promise<HiveApiError> {
  const { code, detail } = (await response.json().catch(() => ({}))) as { code?: string; detail?: string };
  return apiError(hive, response.status, code, detail ?? `the hive answered ${response.status}`);
}

/** @returns an error that says whence the token was, if it is the token that is refused */
export function apiError({ tokenFrom }: FoundHive, status: number, code: string | undefined, detail: string) {
  return new HiveApiError(status, code, refusesToken(status) ? `${detail}; the token is from ${tokenFrom}` : detail);
}

function refusesToken(status: number): boolean {
  return status === 401 || status === 403;
}

/**
 * Nodes call the same hive ws://HOST.
 * @throws UsageError
 */
export function webUrl(name: string, text: string): string {
  const url = text
    .trim()
    .replace(/^ws(s?):\/\//, 'http$1://')
    .replace(/\/+$/, '');
  const parsed = /^https?:\/\//.test(url) && URL.canParse(url) ? new URL(url) : undefined;
  if (!parsed) {
    throw new UsageError(`${name} is ${JSON.stringify(text.slice(0, 80))}; allowed: an http:// or https:// URL`);
  }
  if (parsed.username !== '' || parsed.password !== '') {
    throw new UsageError(`${name} has a user or a password in it; a hive takes a token instead`);
  }
  return url;
}

/** Not a name that only begins like an address, such as 127.example.com: anybody can have that. */
const THIS_MACHINE = /^(localhost|127(\.\d{1,3}){3}|\[::1\])$/;

export function isThisMachine(url: string): boolean {
  return THIS_MACHINE.test(new URL(url).hostname);
}

function namedUrl({ url }: HiveOptions): string | undefined {
  return url === undefined ? environmentUrl() : webUrl('--url', url);
}

function environmentUrl(): string | undefined {
  const url = variable('HIVE_URL');
  return url === undefined ? undefined : webUrl('HIVE_URL', url);
}

function hiveOfProfile({ profiles }: Profiles, name: string, { token }: HiveOptions): FoundHive {
  const profile = Object.hasOwn(profiles, name) ? profiles[name] : undefined;
  if (!profile) {
    const names = Object.keys(profiles);
    const there = names.length === 0 ? 'there are none yet' : `there are ${names.slice(0, 20).join(', ')}`;
    throw new UsageError(
      `there is no profile ${JSON.stringify(name.slice(0, 100))} (${there}); run hive login URL --profile NAME`,
    );
  }
  const url = webUrl(`the address of profile ${name}`, profile.url);
  if (token !== undefined) return { url, token, tokenFrom: '--token', isNamed: true };
  return { url, token: profile.token, tokenFrom: `profile ${name}`, isNamed: true };
}

interface TokenPlaces {
  options: HiveOptions;
  known: Profiles;
  dataDir: string;
  running: string | undefined;
}

/** @throws UsageError if there is none */
async function tokenFor(url: string, { options, known, dataDir, running }: TokenPlaces) {
  if (options.token !== undefined) return { token: options.token, tokenFrom: '--token' };
  const fromEnvironment = variable('HIVE_TOKEN');
  // beside HIVE_URL it is that hive's: --url of another one must not get it
  if (fromEnvironment !== undefined && (options.url === undefined || [undefined, url].includes(environmentUrl())))
    return { token: fromEnvironment, tokenFrom: 'HIVE_TOKEN' };
  const profile = Object.entries(known.profiles).find(([, candidate]) => candidate.url === url);
  if (profile) return { token: profile[1].token, tokenFrom: `profile ${profile[0]}` };
  // the admin token is of the hive of this directory: no other machine must see it
  const admin = url === running || isThisMachine(url) ? await readAdminToken(dataDir) : undefined;
  if (admin !== undefined) return { token: admin, tokenFrom: `${dataDir}/admin-token` };
  throw new UsageError(`there is no token for ${url}: set HIVE_TOKEN, or give --token, or run hive login ${url}`);
}

/** As the hive's configuration has it, of which a reader needs nothing else. @throws ConfigError */
function dataDirectory(): string {
  if (process.env['HIVE_DATA_DIR']?.trim() === '') {
    throw new ConfigError('HIVE_DATA_DIR', '', 'a value; unset it for the default');
  }
  return resolve(variable('HIVE_DATA_DIR') ?? '.hive');
}

/** @returns undefined if it is not set, or to nothing */
function variable(name: string): string | undefined {
  const value = process.env[name]?.trim();
  return value === '' ? undefined : value;
}
