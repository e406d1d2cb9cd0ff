/** Small files in the hive's data directory, for people and the command line. Those with secrets have mode 0600. */
import { mkdir, readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';

const ADMIN_TOKEN_FILE = 'admin-token';
const RUNNING_FILE = 'running.json';

/** How to reach the hive that runs on a data directory. Contains the database's password. */
export interface RunningHiveFile {
  pid: number;
  url: string;
  databaseUrl: string;
  temporalAddress?: string;
  temporalUiUrl?: string;
}

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
  const path = join(dataDir, RUNNING_FILE);
  const text = await readIfThere(path);
  if (text === undefined) return undefined;
  const running = JSON.parse(text) as Partial<RunningHiveFile>; // no schema: every reader's command starts here
  if (typeof running.url === 'string' && typeof running.databaseUrl === 'string') return running as RunningHiveFile;
  throw new Error(`${path} is damaged: delete it and start the hive again`);
}

async function readIfThere(path: string): Promise<string | undefined> {
  try {
    return await readFile(path, 'utf8');
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
    throw error;
  }
}
