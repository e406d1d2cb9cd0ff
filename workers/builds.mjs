/** Where builds are: each in a folder of its own, and `dist` is a link to the newest. */
import {
  cpSync,
  existsSync,
  lstatSync,
  readdirSync,
  readlinkSync,
  realpathSync,
  renameSync,
  rmSync,
  statSync,
  symlinkSync,
} from 'node:fs';
import { basename, dirname, join, relative } from 'node:path';

/** The folder of all builds, below the project's folder. */
export const BUILDS = '.builds';

/** Where the system can't tell which builds are in use, each is kept for as long. */
const KEPT_DAYS = 7;

/** Makes `link` point to a build. Somebody who looks finds the former one or the new one, never nothing. */
export function linkBuild(link, folder) {
  moveFolderAway(link);
  const draft = `${link}.${process.pid}.draft`;
  rmSync(draft, { force: true });
  symlinkSync(relative(dirname(link), folder), draft, 'junction');
  renameSync(draft, link);
}

/** Puts a copy of the build in the place of its link: npm leaves links out of a package. */
export function replaceLinkByCopy(link) {
  if (!lstatSync(link).isSymbolicLink()) return;
  const draft = `${link}.${process.pid}.draft`;
  cpSync(realpathSync(link), draft, { recursive: true });
  rmSync(link);
  renameSync(draft, link);
}

/** Undoes {@link replaceLinkByCopy}. */
export function restoreLink(link) {
  const builds = join(dirname(link), BUILDS);
  if (!existsSync(link) || lstatSync(link).isSymbolicLink() || !existsSync(builds)) return;
  const [newest] = foldersIn(builds).sort((a, b) => statSync(b).mtimeMs - statSync(a).mtimeMs);
  if (newest === undefined) return;
  const copy = `${link}.${process.pid}.copy`;
  renameSync(link, copy);
  linkBuild(link, newest);
  rmSync(copy, { recursive: true });
}

/** Removes builds that are neither linked nor in use, but not the one before: a process may just be loading it. */
export function removeUnusedBuilds(root) {
  const linked = realpathSync(join(root, 'dist'));
  const inUse = openFolders();
  const [, ...older] = foldersIn(join(root, BUILDS))
    .filter((folder) => folder !== linked)
    .sort((a, b) => statSync(b).mtimeMs - statSync(a).mtimeMs);
  for (const folder of older) {
    const isUsed = inUse ? inUse.some((path) => `${path}/`.startsWith(`${folder}/`)) : daysOld(folder) < KEPT_DAYS;
    if (!isUsed) rmSync(folder, { recursive: true, force: true });
  }
}

/** What was built before there were links is a folder: a process may run from it. */
function moveFolderAway(link) {
  if (!existsSync(link) || lstatSync(link).isSymbolicLink()) return;
  renameSync(link, join(dirname(link), BUILDS, `former-${basename(link)}-${process.pid}`));
}

function foldersIn(builds) {
  return readdirSync(realpathSync(builds), { withFileTypes: true })
    .filter((entry) => entry.isDirectory())
    .map((entry) => join(realpathSync(builds), entry.name));
}

/** @returns the open files of all processes, as far as this user may see them; undefined without /proc */
function openFolders() {
  if (process.platform !== 'linux') return undefined;
  const open = [];
  for (const pid of readdirSync('/proc').filter((name) => /^\d+$/.test(name))) {
    for (const fd of listed(`/proc/${pid}/fd`)) {
      try {
        open.push(readlinkSync(`/proc/${pid}/fd/${fd}`));
      } catch {
        // closed meanwhile
      }
    }
  }
  return open;
}

/** A process may end meanwhile, or belong to another user. */
function listed(folder) {
  try {
    return readdirSync(folder);
  } catch {
    return [];
  }
}

function daysOld(folder) {
  return (new Date() - statSync(folder).mtime) / 86_400_000;
}
