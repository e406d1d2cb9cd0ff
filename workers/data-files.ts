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

/** The data directory has the admin token of another database than the one that is used for the first time. */
export class AdminTokenThereError extends Error {
  override readonly name = 'AdminTokenThereError';
  readonly code = 'admin_token_there';
  constructor(path: string) {
    super(
      `this is the first start on an empty database, but ${path} is there, from another one. If the hive should use that ` +
        'other database, check DATABASE_URL and HIVE_DATA_DIR; if the empty one is right, move the file away',
    );
  }
}

/** @throws AdminTokenThereError */
export async function refuseOtherAdminToken(dataDir: string): Promise<void> {
  if ((await readAdminToken(dataDir)) !== undefined) throw new AdminTokenThereError(join(dataDir, ADMIN_TOKEN_FILE));
}

/** Never replaces a file. */
export async function writeAdminToken(dataDir: string, secret: string): Promise<string> {
  const path = join(dataDir, ADMIN_TOKEN_FILE);
  await mkdir(dataDir, { recursive: true });
  await writeFile(path, `${secret}\n`, { mode: 0o600, flag: 'wx' });
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
