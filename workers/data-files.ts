/** Small files in the hive's data directory, for people and the command line. Those with secrets have mode 0600. */
import { mkdir, readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { z } from 'zod';

const ADMIN_TOKEN_FILE = 'admin-token';
const RUNNING_FILE = 'running.json';

const runningHive = z.object({
  pid: z.int(),
  url: z.string(),
  databaseUrl: z.string(),
  temporalAddress: z.string().optional(),
  temporalUiUrl: z.string().optional(),
});

/** How to reach the hive that runs on a data directory. Contains the database's password. */
export type RunningHiveFile = z.infer<typeof runningHive>;

export async function writeAdminToken(dataDir: string, secret: string): Promise<string> {
  const path = join(dataDir, ADMIN_TOKEN_FILE);
  await mkdir(dataDir, { recursive: true });
  await writeFile(path, `${secret}\n`, { mode: 0o600 });
  return path;
}

/** @returns undefined if the directory has none */
export async function readAdminToken(dataDir: string): Promise<string | undefined> {
  return (await readIfThere(join(dataDir, ADMIN_TOKEN_FILE)))?.trim();
}

export async function writeRunning(dataDir: string, running: RunningHiveFile): Promise<void> {
  await mkdir(dataDir, { recursive: true });
  await writeFile(join(dataDir, RUNNING_FILE), JSON.stringify(running), { mode: 0o600 });
}

export async function removeRunning(dataDir: string): Promise<void> {
  await rm(join(dataDir, RUNNING_FILE), { force: true });
}

/** @returns undefined if no hive runs there. A killed hive may have left its file behind. */
export async function readRunning(dataDir: string): Promise<RunningHiveFile | undefined> {
  const text = await readIfThere(join(dataDir, RUNNING_FILE));
  return text === undefined ? undefined : runningHive.parse(JSON.parse(text));
}

async function readIfThere(path: string): Promise<string | undefined> {
  try {
    return await readFile(path, 'utf8');
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
    throw error;
  }
}
