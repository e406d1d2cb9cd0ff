import { randomUUID } from 'node:crypto';
import { linkSync, mkdirSync, readdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { systemCode } from './errors.js';
import { identify, isAlive, type ProcessIdentity } from './process-identity.js';

/**
 * A lock that outlives its owner: a folder of files `<generation>.json`, of which the highest one counts. The owner is
 * a process, identified by pid and start time. A process takes over a dead owner's lock by creating the next
 * generation, which the file system lets only one process do. No process ever replaces another one's file, so two that
 * race can't both win. The newest file stays after a release, so that generations only grow.
 */
export interface ExclusiveLock<Note> {
  /** The notes that earlier owners left behind without a release. */
  readonly abandoned: readonly Note[];
  /** Stores a note for the next owner. */
  note(note: Note): void;
  /** Removes what earlier owners left behind. Call it when that has been dealt with. */
  forgetAbandoned(): void;
  release(): void;
}

interface LockFile<Note> {
  owner: ProcessIdentity | null;
  note: Note | null;
}

interface Generation<Note> extends LockFile<Note> {
  number: number;
}

/**
 * Takes the lock for this process.
 * @returns the lock, or the running process that owns it
 */
export async function takeLock<Note>(folder: string): Promise<ExclusiveLock<Note> | { owner: ProcessIdentity }> {
  const self = await identify(process.pid);
  if (!self) throw new Error('the start time of this process is unknown (/proc or ps is missing)');
  mkdirSync(folder, { recursive: true });
  for (;;) {
    const newest = generations<Note>(folder).at(-1);
    if (newest?.owner && (await isAlive(newest.owner))) return { owner: newest.owner };
    const mine = (newest?.number ?? 0) + 1;
    if (!create(folder, mine, { owner: self, note: null })) continue;
    const all = generations<Note>(folder);
    if (all.at(-1)?.number === mine) return owned(folder, mine, self, all.slice(0, -1));
    // what was read as the newest was outdated: others have come and gone since
    rmSync(fileOf(folder, mine), { force: true });
  }
}

function owned<Note>(
  folder: string,
  mine: number,
  owner: ProcessIdentity,
  older: Generation<Note>[],
): ExclusiveLock<Note> {
  const rewrite = (content: LockFile<Note>) => {
    const draft = writeDraft(folder, content);
    renameSync(draft, fileOf(folder, mine));
  };
  return {
    abandoned: older.flatMap(({ note }) => (note === null ? [] : [note])),
    note: (note) => rewrite({ owner, note }),
    forgetAbandoned: () => older.forEach(({ number }) => rmSync(fileOf(folder, number), { force: true })),
    release: () => rewrite({ owner: null, note: null }),
  };
}

function generations<Note>(folder: string): Generation<Note>[] {
  return readdirSync(folder)
    .flatMap((name) => /^(\d+)\.json$/.exec(name)?.[1] ?? [])
    .map(Number)
    .sort((a, b) => a - b)
    .flatMap((number) => {
      const content = read<Note>(fileOf(folder, number));
      return content ? [{ number, ...content }] : [];
    });
}

function read<Note>(file: string): LockFile<Note> | undefined {
  let text: string;
  try {
    text = readFileSync(file, 'utf8');
  } catch (error) {
    if (systemCode(error) === 'ENOENT') return undefined;
    throw error;
  }
  try {
    return JSON.parse(text) as LockFile<Note>;
  } catch {
    // files appear whole: one that is cut short was cut by a crash of the machine, which no owner survived
    return { owner: null, note: null };
  }
}

function create(folder: string, number: number, content: LockFile<unknown>): boolean {
  const draft = writeDraft(folder, content);
  try {
    linkSync(draft, fileOf(folder, number));
    return true;
  } catch (error) {
    if (systemCode(error) === 'EEXIST') return false;
    throw error;
  } finally {
    rmSync(draft, { force: true });
  }
}

function writeDraft(folder: string, content: LockFile<unknown>): string {
  const draft = join(folder, `${randomUUID()}.draft`);
  writeFileSync(draft, JSON.stringify(content), { mode: 0o644 });
  return draft;
}

const fileOf = (folder: string, number: number) => join(folder, `${number}.json`);
