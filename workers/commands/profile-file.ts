/** The hives that somebody logged in to, each with its token: one file of theirs alone, in their configuration directory. */
import { randomUUID } from 'node:crypto';
import { chmod, mkdir, open, readFile, rename, rm } from 'node:fs/promises';
import { homedir } from 'node:os';
import { dirname, isAbsolute, join } from 'node:path';
import { UsageError } from './usage.js';

export interface Profile {
  url: string;
  token: string;
}

export interface Profiles {
  /** The name of the one that is used if nobody says which. */
  current: string | null;
  profiles: Record<string, Profile>;
}

/** Names are typed in shells. */
const NAME = /^[A-Za-z0-9][A-Za-z0-9._:-]{0,99}$/;

export function profilePath(env: NodeJS.ProcessEnv = process.env): string {
  const base = env['XDG_CONFIG_HOME'];
  const directory = base !== undefined && isAbsolute(base) ? base : join(homedir(), '.config'); // as XDG says
  return join(directory, 'hivesync', 'hive.json');
}

/** @throws UsageError */
export function profileName(text: string): string {
  if (NAME.test(text)) return text;
  throw new UsageError(
    `${JSON.stringify(text.slice(0, 80))} is no name for a profile: it has letters, digits, dots, dashes, colons and underscores, at most 100`,
  );
}

/** @throws UsageError if the file cannot be used; the message says nothing of what is in it */
export async function readProfiles(path = profilePath()): Promise<Profiles> {
  let text: string;
  try {
    text = await readFile(path, 'utf8');
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code === 'ENOENT' || code === 'ENOTDIR') return { current: null, profiles: {} };
    throw new UsageError(`${path} cannot be read (${code ?? 'unknown'}); set HIVE_URL and HIVE_TOKEN to do without it`);
  }
  const file = parse(text);
  if (!file) throw new UsageError(`${path} is damaged: delete it, then run hive login URL`);
  return file;
}

function parse(text: string): Profiles | undefined {
  let file: unknown;
  try {
    file = JSON.parse(text);
  } catch {
    return undefined;
  }
  if (typeof file !== 'object' || file === null) return undefined;
  const { current = null, profiles } = file as { current?: unknown; profiles?: unknown };
  if ((current !== null && typeof current !== 'string') || typeof profiles !== 'object' || profiles === null) {
    return undefined;
  }
  const entries = Object.entries(profiles as Record<string, Partial<Profile> | null>);
  const areWhole = entries.every(([, entry]) => typeof entry?.url === 'string' && typeof entry.token === 'string');
  return areWhole ? { current, profiles: Object.fromEntries(entries) as Profiles['profiles'] } : undefined;
}

/** Replaces the file at once, so that nobody reads half of it, and nobody else ever reads it. */
export async function writeProfiles(profiles: Profiles, path = profilePath()): Promise<void> {
  const directory = dirname(path);
  await mkdir(dirname(directory), { recursive: true });
  await mkdir(directory, { recursive: true, mode: 0o700 });
  await chmod(directory, 0o700).catch(() => undefined); // it may be somebody else's; the file is what matters
  const fresh = `${path}.${randomUUID()}`;
  try {
    const file = await open(fresh, 'wx', 0o600);
    try {
      await file.writeFile(`${JSON.stringify(profiles, null, 2)}\n`);
      await file.sync();
    } finally {
      await file.close();
    }
    await rename(fresh, path);
  } catch (error) {
    await rm(fresh, { force: true });
    throw error;
  }
}
